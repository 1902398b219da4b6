//! Windows on the time line: which stretches of time a set of recurring windows covers.
//!
//! Owns: the walk over the days and the joining of windows that overlap or touch.
//! Always holds: stretches come in order and do not touch each other; one that has a hole before and after it
//! has the same bounds whichever instant one looks from.
//! Absent on purpose: freezes (`freeze`) and what is done in a window.
//!
//! ## Design notes
//! Starts rise with the date, because the first instant at which a clock shows a time rises with that time; so
//! one pass over the days, earliest start first, is in order without sorting instants. Windows that never leave a
//! hole (every day for 24 hours) have no natural bounds: they are told from 1 January of the year before the
//! instant asked for to the end of the year after it, which at least does not move from one minute to the next.

use jiff::{SignedDuration, Span, Timestamp, civil::Date};

use super::{
    window::MaintenanceWindow,
    zone::{Reader, Zone},
};

/// How far ahead windows are searched, in years: even a monthly fifth weekday recurs within three months; only
/// a freeze of years makes the search longer.
pub(crate) const HORIZON_YEARS: i16 = 10;

/// A stretch is told to the end of the second year after the one it begins in. Only windows that leave no hole, or none but
/// the hour of an autumn day, last a year or longer; what lasts longer than this is without end.
const ENDLESS_YEARS: i16 = 3;

/// A window that starts this many days earlier cannot touch one that starts today: it lasts at most a day, a gap
/// moves its start by at most another, and a gap inside moves its end by at most another.
const REACH_DAYS: i32 = 3;

/// A stretch of time, `start` included, `end` not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Stretch {
    /// First instant.
    pub(crate) start: Timestamp,
    /// First instant after it; later than `start`.
    pub(crate) end: Timestamp,
}

impl Stretch {
    /// Whether the instant lies in it.
    #[must_use]
    pub(crate) fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// How long it is.
    #[must_use]
    pub(crate) fn length(&self) -> SignedDuration {
        self.end.duration_since(self.start)
    }
}

/// The stretches that end after `from`, in order, windows that overlap or touch joined; the first may have begun
/// before. Ends [`HORIZON_YEARS`] after `from`, or at once without windows.
pub(crate) fn stretches(
    windows: &[MaintenanceWindow],
    zone: &Zone,
    from: Timestamp,
) -> impl Iterator<Item = Stretch> + use<> {
    let today = zone.wall_clock(from).date();
    let oldest = first_day_of(today.year().saturating_sub(1)).unwrap_or(Date::MIN);
    let mut back = 2 * REACH_DAYS;
    loop {
        let begin = days_before(today, back).max(oldest);
        // What covers `from` began by the day after (midnight may come twice), so looking further is of no use here.
        let mut near = Walk::new(windows, zone, begin, today);
        near.horizon = days_before(today, -REACH_DAYS);
        let relevant = near.find(|(_, it)| it.end > from);
        let whole = relevant.is_none_or(|(date, _)| days_before(date, REACH_DAYS) >= begin);
        if whole || begin == oldest {
            return Walk::new(windows, zone, begin, today)
                .map(|(_, stretch)| stretch)
                .filter(move |stretch| stretch.end > from);
        }
        back = back.saturating_mul(2);
    }
}

fn first_day_of(year: i16) -> Option<Date> {
    Date::new(year, 1, 1).ok()
}

fn days_before(date: Date, days: i32) -> Date {
    date.saturating_sub(Span::new().days(days))
}

/// Joined stretches with the date of their first start, from a date on.
struct Walk {
    /// Earliest start on the clock first.
    windows: Vec<MaintenanceWindow>,
    zone: Reader,
    /// The day that is looked at, `None` at the end.
    date: Option<Date>,
    /// Which window of that day comes next.
    index: usize,
    /// First day that is not looked at.
    horizon: Date,
    /// What was read ahead.
    ahead: Option<(Date, Stretch)>,
}

impl Walk {
    fn new(windows: &[MaintenanceWindow], zone: &Zone, begin: Date, today: Date) -> Self {
        let mut windows = windows.to_vec();
        windows.sort_by_key(|window| window.start);
        let horizon = first_day_of(today.year().saturating_add(HORIZON_YEARS + 1));
        Self {
            date: (!windows.is_empty()).then_some(begin),
            windows,
            zone: Reader::new(zone.clone()),
            index: 0,
            horizon: horizon.unwrap_or(Date::MAX),
            ahead: None,
        }
    }

    /// The next single window, in order of starts.
    fn single(&mut self) -> Option<(Date, Stretch)> {
        if let Some(ahead) = self.ahead.take() {
            return Some(ahead);
        }
        loop {
            let date = self.date.filter(|date| *date < self.horizon)?;
            let Some(window) = self.windows.get(self.index) else {
                self.index = 0;
                self.date = date.tomorrow().ok();
                continue;
            };
            self.index += 1;
            if window.days.holds_on(date) {
                let start = self.zone.first_instant_at(date.to_datetime(window.start.time()))?;
                let end = start.checked_add(window.duration.elapsed()).ok()?;
                return Some((date, Stretch { start, end }));
            }
        }
    }
}

impl Iterator for Walk {
    type Item = (Date, Stretch);

    fn next(&mut self) -> Option<Self::Item> {
        let (first_date, mut joined) = self.single()?;
        let endless = first_day_of(first_date.year().saturating_add(ENDLESS_YEARS));
        while let Some((date, next)) = self.single() {
            if next.start > joined.end {
                self.ahead = Some((date, next));
                break;
            }
            if endless.is_some_and(|endless| date >= endless) {
                self.date = None;
                break;
            }
            joined.end = joined.end.max(next.end);
        }
        Some((first_date, joined))
    }
}

#[cfg(test)]
#[path = "occurrence_tests.rs"]
mod tests;
