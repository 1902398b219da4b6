//! Windows on the time line, by table and over all zones.

use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;

use super::*;
use crate::domain::window::{Days, Nth, StartTime, Weekdays, WindowDuration};

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

fn weekly(days: &str, start: &str, minutes: u16) -> MaintenanceWindow {
    const WORDS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let bits = (0..7).filter(|i| days == "daily" || days.contains(WORDS[*i])).map(|i| 1 << i);
    MaintenanceWindow {
        days: Days::Weekly(Weekdays::try_from(bits.sum::<u8>()).unwrap()),
        start: start.parse().unwrap(),
        duration: minutes.try_into().unwrap(),
    }
}

fn monthly(nth: i8, weekday: jiff::civil::Weekday, start: &str, minutes: u16) -> MaintenanceWindow {
    let days = Days::Monthly { nth: nth.try_into().unwrap(), weekday };
    MaintenanceWindow { days, ..weekly("mon", start, minutes) }
}

/// The first `count` stretches as `start/end` in UTC.
fn told(windows: &[MaintenanceWindow], zone_name: &str, from: &str, count: usize) -> Vec<String> {
    stretches(windows, &zone(zone_name), from.parse().unwrap())
        .take(count)
        .map(|s| format!("{}/{}", s.start, s.end))
        .collect()
}

#[test]
fn the_default_is_sunday_at_two_for_four_hours_in_the_groups_zone() {
    let windows = [MaintenanceWindow::DEFAULT];
    for (zone, expected) in [
        ("America/New_York", "2026-11-29T07:00:00Z/2026-11-29T11:00:00Z"),
        ("Europe/Berlin", "2026-11-29T01:00:00Z/2026-11-29T05:00:00Z"),
        ("Australia/Lord_Howe", "2026-11-28T15:00:00Z/2026-11-28T19:00:00Z"),
        ("Asia/Kolkata", "2026-11-28T20:30:00Z/2026-11-29T00:30:00Z"),
        ("Pacific/Apia", "2026-11-28T13:00:00Z/2026-11-28T17:00:00Z"),
    ] {
        assert_eq!(told(&windows, zone, "2026-11-23T12:00:00Z", 1), [expected], "{zone}");
    }
}

#[test]
fn elapsed_time_counts_across_a_change_of_the_clock() {
    let windows = [weekly("sun", "01:30", 120)];
    for (zone, from, expected, local_end) in [
        (
            "America/New_York",
            "2026-03-07T00:00:00Z",
            "2026-03-08T06:30:00Z/2026-03-08T08:30:00Z",
            "2026-03-08 04:30:00",
        ),
        (
            "America/New_York",
            "2026-10-31T12:00:00Z",
            "2026-11-01T05:30:00Z/2026-11-01T07:30:00Z",
            "2026-11-01 02:30:00",
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            "2026-10-03T15:00:00Z/2026-10-03T17:00:00Z",
            "2026-10-04 04:00:00",
        ),
        (
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            "2026-03-29T00:30:00Z/2026-03-29T02:30:00Z",
            "2026-03-29 04:30:00",
        ),
    ] {
        assert_eq!(told(&windows, zone, from, 1), [expected], "{zone}");
        let end = expected.split_once('/').unwrap().1.parse().unwrap();
        assert_eq!(self::zone(zone).wall_clock_text(end), local_end);
    }
}

#[test]
fn a_window_may_cross_midnight_a_week_and_a_year() {
    assert_eq!(
        told(&[weekly("thu", "23:00", 180)], "UTC", "2026-12-31T00:00:00Z", 2),
        ["2026-12-31T23:00:00Z/2027-01-01T02:00:00Z", "2027-01-07T23:00:00Z/2027-01-08T02:00:00Z"]
    );
    assert_eq!(
        told(&[weekly("sun", "22:00", 480)], "UTC", "2026-11-30T01:00:00Z", 1),
        ["2026-11-29T22:00:00Z/2026-11-30T06:00:00Z"],
        "on Monday at one, Sunday's window is still open"
    );
}

#[test]
fn windows_that_overlap_or_touch_are_one() {
    let overlap = [weekly("mon", "01:00", 120), weekly("mon", "02:00", 120)];
    let one = ["2026-11-30T01:00:00Z/2026-11-30T04:00:00Z"];
    assert_eq!(told(&overlap, "UTC", "2026-11-24T00:00:00Z", 1), one);
    let touch = [weekly("mon", "03:00", 60), weekly("mon", "01:00", 120)];
    assert_eq!(told(&touch, "UTC", "2026-11-24T00:00:00Z", 1), one);
    assert_eq!(told(&touch, "UTC", "2026-11-30T03:30:00Z", 1), one, "seen from its second half");
    let inside = [weekly("mon", "01:00", 180), weekly("mon", "02:00", 15)];
    assert_eq!(told(&inside, "UTC", "2026-11-24T00:00:00Z", 1), one, "the longer end counts");
    let apart = [weekly("mon", "01:00", 60), weekly("mon", "02:15", 60)];
    assert_eq!(told(&apart, "UTC", "2026-11-24T00:00:00Z", 2).len(), 2);
}

#[test]
fn windows_join_however_far_ahead_one_looks() {
    let windows = [weekly("mon", "01:00", 60), weekly("mon", "02:00", 60)];
    let from = "2026-11-24T00:00:00Z".parse().unwrap();
    let found: Vec<_> = stretches(&windows, &zone("UTC"), from).take(400).collect();
    assert_eq!(found.len(), 400);
    assert!(found.iter().all(|it| it.length() == SignedDuration::from_hours(2)));
    let samoa = [weekly("daily", "23:45", 15)];
    let from = "2010-01-01T00:00:00Z".parse().unwrap();
    let found: Vec<_> = stretches(&samoa, &zone("Pacific/Apia"), from).take(1_500).collect();
    let longer: Vec<_> = found.iter().filter(|it| it.length().as_mins() != 15).collect();
    assert_eq!((found.len(), longer.len()), (1_500, 1), "the lost day's touches the day before");
}

#[test]
fn a_chain_of_days_is_one_stretch_from_wherever_one_looks() {
    let windows = [weekly("mon tue wed thu fri", "00:00", 1_440)];
    let expected = ["2026-11-30T00:00:00Z/2026-12-05T00:00:00Z"];
    for from in ["2026-11-28T00:00:00Z", "2026-11-30T00:00:00Z", "2026-12-04T23:59:59Z"] {
        assert_eq!(told(&windows, "UTC", from, 1), expected, "{from}");
    }
    assert_eq!(
        told(&windows, "UTC", "2026-12-05T00:00:00Z", 1),
        ["2026-12-07T00:00:00Z/2026-12-12T00:00:00Z"],
        "the end is not part of it"
    );
}

#[test]
fn windows_without_a_hole_are_told_for_the_years_around_and_with_a_yearly_hole_exactly() {
    let windows = [weekly("daily", "00:00", 1_440)];
    assert_eq!(
        told(&windows, "UTC", "2026-11-24T05:00:00Z", 9),
        ["2025-01-01T00:00:00Z/2028-01-01T00:00:00Z"]
    );
    assert_eq!(
        told(&windows, "Europe/Berlin", "2026-11-24T05:00:00Z", 1),
        ["2026-10-25T23:00:00Z/2027-10-31T22:00:00Z"],
        "the autumn day has 25 hours, so one stays open"
    );
}

#[test]
fn the_nth_weekday_of_a_month_recurs_and_a_month_may_have_none() {
    use jiff::civil::Weekday::{Sunday, Tuesday};
    assert_eq!(
        told(&[monthly(2, Tuesday, "03:00", 60)], "UTC", "2026-11-24T00:00:00Z", 2),
        ["2026-12-08T03:00:00Z/2026-12-08T04:00:00Z", "2027-01-12T03:00:00Z/2027-01-12T04:00:00Z"]
    );
    assert_eq!(
        told(&[monthly(5, Sunday, "03:00", 60)], "UTC", "2026-11-30T00:00:00Z", 1),
        ["2027-01-31T03:00:00Z/2027-01-31T04:00:00Z"],
        "December 2026 has four Sundays"
    );
    assert_eq!(
        told(&[monthly(-1, Sunday, "03:00", 60)], "UTC", "2026-11-30T00:00:00Z", 1),
        ["2026-12-27T03:00:00Z/2026-12-27T04:00:00Z"]
    );
}

#[test]
fn a_day_that_samoa_skipped_moves_its_start_to_the_end_of_the_gap() {
    let friday = [weekly("fri", "02:00", 240)];
    assert_eq!(
        told(&friday, "Pacific/Apia", "2011-12-27T00:00:00Z", 2),
        ["2011-12-30T10:00:00Z/2011-12-30T14:00:00Z", "2012-01-05T12:00:00Z/2012-01-05T16:00:00Z"]
    );
    let both = [weekly("fri sat", "02:00", 240)];
    assert_eq!(
        told(&both, "Pacific/Apia", "2011-12-27T00:00:00Z", 1),
        ["2011-12-30T10:00:00Z/2011-12-30T16:00:00Z"],
        "Friday's moved start overlaps Saturday's: one window"
    );
}

#[test]
fn nothing_comes_of_no_windows_and_the_ends_of_time_do_not_panic() {
    assert!(told(&[], "UTC", "2026-11-24T00:00:00Z", 1).is_empty());
    for from in [Timestamp::MIN, Timestamp::MAX] {
        let windows = [weekly("daily", "00:00", 1_440)];
        let _ = stretches(&windows, &zone("Pacific/Kiritimati"), from).take(3).count();
    }
}

/// For every zone and every week of these years, the default window starts on a Sunday at two by the clock
/// (or at the end of a gap), lasts four hours, and no week is missed.
#[test]
fn every_zone_of_the_database_has_its_sunday_window_every_week_for_years() {
    let from: Timestamp = "2024-01-01T00:00Z".parse().unwrap();
    let until: Timestamp = "2032-01-01T00:00Z".parse().unwrap();
    let mut zones = 0;
    for name in TimeZoneDatabase::bundled().available() {
        let zone = zone(name.as_str());
        let windows = [MaintenanceWindow::DEFAULT];
        let mut last: Option<Date> = None;
        for stretch in stretches(&windows, &zone, from).take_while(|it| it.start < until) {
            let wall = zone.wall_clock(stretch.start);
            assert_eq!(stretch.length(), SignedDuration::from_hours(4), "{zone} {wall}");
            assert_eq!(wall.date().weekday(), jiff::civil::Weekday::Sunday, "{zone} {wall}");
            let moved = wall.hour() != 2 || wall.minute() != 0;
            let before = zone.wall_clock(stretch.start - SignedDuration::from_secs(1));
            assert!(!moved || before.hour() < 2, "{zone} {wall} moved without a gap");
            if let Some(last) = last {
                assert_eq!(last + Span::new().days(7), wall.date(), "{zone}: a week is missing");
            }
            last = Some(wall.date());
        }
        assert!(last.is_some(), "{zone}");
        zones += 1;
    }
    assert!(zones > 400, "only {zones} zones: is the database bundled?");
}

fn any_window() -> impl Strategy<Value = MaintenanceWindow> {
    let nth = prop_oneof![1i8..=5, Just(-1i8)].prop_map(|nth| Nth::try_from(nth).unwrap());
    let weekday = (1i8..=7).prop_map(|d| jiff::civil::Weekday::from_monday_one_offset(d).unwrap());
    let days = prop_oneof![
        (1u8..128).prop_map(|bits| Days::Weekly(bits.try_into().unwrap())),
        (nth, weekday).prop_map(|(nth, weekday)| Days::Monthly { nth, weekday }),
    ];
    let start = (0..24, 0..60).prop_map(|(h, m)| format!("{h:02}:{m:02}").parse::<StartTime>());
    let duration = (15u16..=1_440).prop_map(|m| WindowDuration::try_from(m).unwrap());
    (days, start, duration).prop_map(|(days, start, duration)| MaintenanceWindow {
        days,
        start: start.unwrap(),
        duration,
    })
}

fn any_zone() -> impl Strategy<Value = Zone> {
    let names: Vec<_> = TimeZoneDatabase::bundled().available().map(|n| n.to_string()).collect();
    prop::sample::select(names).prop_map(|name| zone(&name))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Against the plain definition: an instant is in a stretch exactly if some single window covers it.
    #[test]
    fn an_instant_is_in_a_stretch_exactly_if_a_window_covers_it(
        windows in prop::collection::vec(any_window(), 1..5),
        zone in any_zone(),
        from in 0i64..4_000_000_000,
    ) {
        let from = Timestamp::from_second(from).unwrap();
        let found: Vec<_> = stretches(&windows, &zone, from).take(8).collect();
        for pair in found.windows(2) {
            prop_assert!(pair[0].end < pair[1].start, "in order, with a hole between");
        }
        prop_assert!(found.iter().all(|it| it.end > from));
        let last = found.last().map_or(from, |it| it.end);
        let first_day = zone.wall_clock(from).date() - Span::new().days(4);
        let mut day = first_day;
        while day <= zone.wall_clock(last).date() && day < first_day + Span::new().days(60) {
            for window in windows.iter().filter(|window| window.days.holds_on(day)) {
                let start = zone.first_instant_at(day.to_datetime(window.start.time())).unwrap();
                let end = start + window.duration.elapsed();
                let covered = found.iter().any(|it| it.start <= start && end <= it.end);
                prop_assert!(covered || end <= from || start >= last, "{day} {window:?}");
            }
            day = day.tomorrow().unwrap();
        }
        // A stretch has the same bounds from every instant inside it.
        for stretch in found.iter().take(3).filter(|it| it.length() < SignedDuration::from_hours(24 * 300)) {
            for at in [stretch.start, stretch.end - SignedDuration::from_secs(1)] {
                prop_assert_eq!(stretches(&windows, &zone, at).next(), Some(*stretch));
            }
        }
    }
}
