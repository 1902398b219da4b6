//! Maintenance windows and their occurrences.

use jiff::civil::Weekday;
use names::Reason;
use proto::updates::v1::{self as wire, maintenance_window::Days as WireDays};
use rpc::Violations;

use crate::domain::{
    occurrence::Stretch,
    window::{Days, MAX_WINDOWS, MaintenanceWindow, Nth, Weekdays, WindowDuration},
    zone::Zone,
};

/// Reads the windows of a schedule; `None` when something is wrong with one.
pub(super) fn windows_in(
    violations: &mut Violations,
    wire: Vec<wire::MaintenanceWindow>,
) -> Option<Vec<MaintenanceWindow>> {
    if wire.len() > MAX_WINDOWS {
        violations.add("windows", Reason::OutOfRange, format!("at most {MAX_WINDOWS}; join some"));
        return None;
    }
    let read = wire.into_iter().enumerate().map(|(index, window)| {
        violations.within(&format!("windows[{index}]"), |violations| window_in(violations, window))
    });
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

fn window_in(
    violations: &mut Violations,
    wire: wire::MaintenanceWindow,
) -> Option<MaintenanceWindow> {
    let wire::MaintenanceWindow { days, start, duration } = wire;
    let days = match days {
        Some(WireDays::Weekly(weekly)) => weekly_in(violations, weekly),
        Some(WireDays::Monthly(monthly)) => monthly_in(violations, monthly),
        None => {
            violations.add("days", Reason::Required, "set `weekly` or `monthly`");
            None
        }
    };
    let start = violations.take("start", start.parse());
    let duration = duration.unwrap_or_default();
    let duration = WindowDuration::from_seconds(duration.seconds, duration.nanos);
    let duration = violations.take_as("duration", Reason::OutOfRange, duration);
    Some(MaintenanceWindow { days: days?, start: start?, duration: duration? })
}

fn weekly_in(violations: &mut Violations, wire: wire::WeeklyDays) -> Option<Days> {
    let wire::WeeklyDays { days } = wire;
    let known: Vec<_> = days.iter().filter_map(|day| weekday_in(*day)).collect();
    let days_given = days.len();
    let set = violations.take_as("weekly.days", Reason::Required, Weekdays::new(known))?;
    if set.iter().count() != days_given {
        violations.add(
            "weekly.days",
            Reason::Malformed,
            "must be different days from MONDAY to SUNDAY",
        );
        return None;
    }
    Some(Days::Weekly(set))
}

fn monthly_in(violations: &mut Violations, wire: wire::MonthlyDay) -> Option<Days> {
    let wire::MonthlyDay { nth, day } = wire;
    let nth = Nth::try_from(i8::try_from(nth).unwrap_or_default());
    let nth = violations.take_as("monthly.nth", Reason::OutOfRange, nth);
    let weekday = weekday_in(day);
    if weekday.is_none() {
        violations.add("monthly.day", Reason::Required, "must be a day from MONDAY to SUNDAY");
    }
    Some(Days::Monthly { nth: nth?, weekday: weekday? })
}

/// The wire numbers days from Monday = 1, as ISO 8601 and jiff do.
fn weekday_in(day: i32) -> Option<Weekday> {
    i8::try_from(day).ok().and_then(|day| Weekday::from_monday_one_offset(day).ok())
}

pub(super) fn window_out(window: &MaintenanceWindow) -> wire::MaintenanceWindow {
    let MaintenanceWindow { days, start, duration } = *window;
    let days = match days {
        Days::Weekly(days) => {
            WireDays::Weekly(wire::WeeklyDays { days: days.iter().map(weekday_out).collect() })
        }
        Days::Monthly { nth, weekday } => WireDays::Monthly(wire::MonthlyDay {
            nth: i8::from(nth).into(),
            day: weekday_out(weekday),
        }),
    };
    wire::MaintenanceWindow {
        days: Some(days),
        start: start.to_string(),
        duration: Some(prost_types::Duration { seconds: duration.elapsed().as_secs(), nanos: 0 }),
    }
}

fn weekday_out(day: Weekday) -> i32 {
    day.to_monday_one_offset().into()
}

pub(super) fn occurrence_out(stretch: &Stretch, zone: &Zone) -> wire::WindowOccurrence {
    let Stretch { start, end } = *stretch;
    wire::WindowOccurrence {
        start_time: Some(rpc::time::to_proto(start)),
        end_time: Some(rpc::time::to_proto(end)),
        local_start: zone.wall_clock_text(start),
        local_end: zone.wall_clock_text(end),
        start_utc_offset: zone.offset_text(start),
        end_utc_offset: zone.offset_text(end),
    }
}
