//! Any text in the place of a time zone, of the start of a window, or of its duration.

use jiff::{Timestamp, civil::Date, tz::TimeZoneDatabase};
use trial::fuzz::Verdict;

use super::{
    window::{MAX_DURATION_MINUTES, MIN_DURATION_MINUTES, StartTime, WindowDuration},
    zone::Zone,
};

#[test]
fn a_text_is_a_time_zone_of_the_database_in_its_spelling_or_none() {
    let database = TimeZoneDatabase::bundled();
    let known: Vec<String> = database.available().map(|name| name.to_string()).collect();
    let words = ["Europe/", "Etc/", "Unknown", "GMT", "+1", "posix/", "right/", "localtime"];
    let wall = Date::constant(2026, 3, 29).at(2, 30, 0, 0);
    trial::target!("time_zones").words(&words).run_on_text(|text| {
        let zone = text.parse::<Zone>();
        if let Ok(zone) = &zone {
            let name = zone.to_string();
            assert!(known.contains(&name), "{name} is in no database");
            assert!(name.eq_ignore_ascii_case(text), "{text} is called {name}");
            assert_eq!(name.parse::<Zone>().as_ref(), Ok(zone));
            let reached: Timestamp = zone.first_instant_at(wall).expect("it is 2026");
            assert!(zone.wall_clock(reached) >= wall, "{reached} is too early");
        }
        zone
    });
}

#[test]
fn a_text_is_a_time_of_day_in_its_one_spelling_or_refused() {
    trial::target!("starts").words(&[":", "00", "59", "24", "+", "-0"]).run_on_text(|text| {
        let start = text.parse::<StartTime>();
        match &start {
            Ok(start) => {
                assert_eq!(start.to_string(), text, "it has another spelling");
                assert_eq!(start.time().second(), 0);
            }
            Err(error) => assert!(error.to_string().contains("HH:MM"), "{error}"),
        }
        start
    });
}

#[test]
fn a_duration_is_whole_minutes_within_its_limits_or_refused() {
    let words = [" ", "86400", "900", "999999999", "9223372036854775807", "-"];
    trial::target!("durations").words(&words).run_on_text(|text| {
        let (seconds, nanos) = text.split_once(' ').unwrap_or((text, "0"));
        let (Ok(seconds), Ok(nanos)) = (seconds.parse(), nanos.parse()) else {
            return Verdict::Refused("no numbers".to_owned());
        };
        let duration = WindowDuration::from_seconds(seconds, nanos);
        match &duration {
            Ok(duration) => {
                assert_eq!((duration.elapsed().as_secs(), nanos), (seconds, 0), "it is another");
                let minutes = u16::from(*duration);
                assert!((MIN_DURATION_MINUTES..=MAX_DURATION_MINUTES).contains(&minutes));
            }
            Err(error) => assert!(error.to_string().contains("whole minutes"), "{error}"),
        }
        duration.into()
    });
}
