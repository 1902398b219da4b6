//! One recurring maintenance window, as it is written down.
//!
//! Owns: days, start on the clock and duration, and the rules for each.
//! Always holds: a value of these types is within its limits.
//! Absent on purpose: any instant; that needs a zone and is `occurrence`'s.

use std::{fmt, str::FromStr};

use jiff::{
    SignedDuration,
    civil::{Date, Time, Weekday},
};
use serde::{Deserialize, Serialize};

/// Shortest window, in minutes: less does not fit one drain, update and verification with their deadlines.
pub(crate) const MIN_DURATION_MINUTES: u16 = 15;

/// Longest window, in minutes: a day. Longer ones are written as several days, which join.
pub(crate) const MAX_DURATION_MINUTES: u16 = 24 * 60;

/// Most windows in one schedule: the tenant quota of the domain, far beyond one a weekday and month's end.
pub(crate) const MAX_WINDOWS: usize = 20;

/// Why a window is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WindowError {
    /// The start is no `HH:MM`.
    #[error("must be HH:MM from 00:00 to 23:59, for example 02:00")]
    Start,
    /// The duration is too short, too long or not in whole minutes.
    #[error(
        "must be {MIN_DURATION_MINUTES} minutes to 24 hours in whole minutes, for example 14400s"
    )]
    Duration,
    /// No weekday at all.
    #[error("must name at least one day of the week")]
    NoDay,
    /// The ordinal is none of 1…5 and -1.
    #[error("must be 1 to 5, or -1 for the last")]
    Nth,
}

/// When a window starts on the clock: `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct StartTime {
    hour: i8,
    minute: i8,
}

impl StartTime {
    /// 02:00, when the fewest people work.
    pub(crate) const DEFAULT: Self = Self { hour: 2, minute: 0 };

    /// The time of day.
    #[must_use]
    pub(crate) fn time(self) -> Time {
        Time::constant(self.hour, self.minute, 0, 0)
    }
}

impl FromStr for StartTime {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let number = |digits: &str, limit: i8| {
            let number = digits.parse().ok().filter(|number| (0..limit).contains(number));
            number.filter(|_| digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
        };
        let (hour, minute) = text.split_once(':').ok_or(WindowError::Start)?;
        let hour = number(hour, 24).ok_or(WindowError::Start)?;
        let minute = number(minute, 60).ok_or(WindowError::Start)?;
        Ok(Self { hour, minute })
    }
}

impl TryFrom<String> for StartTime {
    type Error = WindowError;

    fn try_from(text: String) -> Result<Self, WindowError> {
        text.parse()
    }
}

impl From<StartTime> for String {
    fn from(start: StartTime) -> Self {
        start.to_string()
    }
}

impl fmt::Display for StartTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

/// How long a window stays open: elapsed time, [`MIN_DURATION_MINUTES`] to [`MAX_DURATION_MINUTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub(crate) struct WindowDuration(u16);

impl WindowDuration {
    /// Four hours, enough for a group of dozens one after the other.
    pub(crate) const DEFAULT: Self = Self(4 * 60);

    /// The duration from seconds and a rest below a second, as the wire has it.
    pub(crate) fn from_seconds(seconds: i64, nanos: i32) -> Result<Self, WindowError> {
        if nanos != 0 || seconds % 60 != 0 {
            return Err(WindowError::Duration);
        }
        u16::try_from(seconds / 60).map_err(|_| WindowError::Duration)?.try_into()
    }

    /// The elapsed time.
    #[must_use]
    pub(crate) fn elapsed(self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.0))
    }
}

impl TryFrom<u16> for WindowDuration {
    type Error = WindowError;

    fn try_from(minutes: u16) -> Result<Self, WindowError> {
        if (MIN_DURATION_MINUTES..=MAX_DURATION_MINUTES).contains(&minutes) {
            Ok(Self(minutes))
        } else {
            Err(WindowError::Duration)
        }
    }
}

impl From<WindowDuration> for u16 {
    fn from(duration: WindowDuration) -> Self {
        duration.0
    }
}

/// One or more days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub(crate) struct Weekdays(u8);

impl Weekdays {
    /// Sunday alone.
    pub(crate) const SUNDAY: Self = Self(1 << 6);

    /// The set of these days; an empty one is refused.
    pub(crate) fn new(days: impl IntoIterator<Item = Weekday>) -> Result<Self, WindowError> {
        days.into_iter().fold(0, |bits, day| bits | bit(day)).try_into()
    }

    /// Whether the day is in the set.
    #[must_use]
    pub(crate) fn contains(self, day: Weekday) -> bool {
        self.0 & bit(day) != 0
    }

    /// The days from Monday on.
    pub(crate) fn iter(self) -> impl Iterator<Item = Weekday> {
        (0..7)
            .filter_map(|offset| Weekday::from_monday_zero_offset(offset).ok())
            .filter(move |day| self.contains(*day))
    }
}

fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

impl TryFrom<u8> for Weekdays {
    type Error = WindowError;

    fn try_from(bits: u8) -> Result<Self, WindowError> {
        if (1..1 << 7).contains(&bits) { Ok(Self(bits)) } else { Err(WindowError::NoDay) }
    }
}

impl From<Weekdays> for u8 {
    fn from(days: Weekdays) -> Self {
        days.0
    }
}

/// Which of a month's Mondays, Tuesdays, …: the first to fifth, or the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "i8", into = "i8")]
pub(crate) struct Nth(i8);

impl TryFrom<i8> for Nth {
    type Error = WindowError;

    fn try_from(nth: i8) -> Result<Self, WindowError> {
        if matches!(nth, 1..=5 | -1) { Ok(Self(nth)) } else { Err(WindowError::Nth) }
    }
}

impl From<Nth> for i8 {
    fn from(nth: Nth) -> Self {
        nth.0
    }
}

impl Nth {
    fn holds_on(self, date: Date) -> bool {
        if self.0 == -1 {
            date.day() + 7 > date.days_in_month()
        } else {
            (date.day() - 1) / 7 + 1 == self.0
        }
    }
}

/// On which days a window starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Days {
    /// Every week on these days.
    Weekly(Weekdays),
    /// Once a month; a month without a fifth has none.
    Monthly {
        /// Which of them.
        nth: Nth,
        /// Which weekday, 1 (Monday) to 7 (Sunday).
        #[serde(with = "monday_one")]
        weekday: Weekday,
    },
}

impl Days {
    /// Whether a window starts on this date.
    #[must_use]
    pub(crate) fn holds_on(self, date: Date) -> bool {
        match self {
            Self::Weekly(days) => days.contains(date.weekday()),
            Self::Monthly { nth, weekday } => date.weekday() == weekday && nth.holds_on(date),
        }
    }
}

/// Weekdays as numbers from Monday = 1, as ISO 8601 has them, in stored records.
mod monday_one {
    use jiff::civil::Weekday;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        day: &Weekday,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i8(day.to_monday_one_offset())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Weekday, D::Error> {
        Weekday::from_monday_one_offset(i8::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A recurring window: days, start on the clock, elapsed duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct MaintenanceWindow {
    /// On which days it starts; the day is that of the start, also where the window crosses midnight.
    pub(crate) days: Days,
    /// When it starts on the clock.
    pub(crate) start: StartTime,
    /// How long it lasts, in minutes.
    pub(crate) duration: WindowDuration,
}

impl MaintenanceWindow {
    /// What a group has that never wrote a window: Sunday 02:00 for four hours.
    pub(crate) const DEFAULT: Self = Self {
        days: Days::Weekly(Weekdays::SUNDAY),
        start: StartTime::DEFAULT,
        duration: WindowDuration::DEFAULT,
    };
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_start_is_two_digits_colon_two_digits() {
        for good in ["00:00", "02:00", "23:59"] {
            assert_eq!(good.parse::<StartTime>().unwrap().to_string(), good);
        }
        for bad in ["", "2:00", "24:00", "02:60", "02:00:00", "+2:00", "02-00", "０2:00", "02:0 "]
        {
            assert_eq!(bad.parse::<StartTime>(), Err(WindowError::Start), "{bad}");
        }
    }

    #[test]
    fn a_duration_is_a_quarter_of_an_hour_to_a_day_in_whole_minutes() {
        for (seconds, nanos, good) in [
            (899, 0, false),
            (840, 0, false),
            (900, 0, true),
            (901, 0, false),
            (900, 1, false),
            (86_400, 0, true),
            (86_460, 0, false),
            (-900, 0, false),
            (i64::MAX, 0, false),
            (i64::MIN, 0, false),
        ] {
            let duration = WindowDuration::from_seconds(seconds, nanos);
            assert_eq!(duration.is_ok(), good, "{seconds}s {nanos}ns");
        }
    }

    #[test]
    fn the_nth_weekday_counts_from_either_end_and_a_month_may_lack_a_fifth() {
        let holds = |nth: i8, day| {
            let days = Days::Monthly { nth: nth.try_into().unwrap(), weekday: Weekday::Sunday };
            days.holds_on(day)
        };
        // Sundays of November 2026: 1, 8, 15, 22, 29; of December: 6, 13, 20, 27.
        assert!(holds(1, date(2026, 11, 1)) && !holds(1, date(2026, 11, 8)));
        assert!(holds(5, date(2026, 11, 29)) && holds(-1, date(2026, 11, 29)));
        assert!(holds(4, date(2026, 12, 27)) && holds(-1, date(2026, 12, 27)));
        assert!((1..=31).all(|day| !holds(5, date(2026, 12, day))));
        assert!(!holds(-1, date(2026, 11, 30)), "the day of the week counts too");
        // Sundays of February 2027, whose weeks are exactly its days: 7, 14, 21, 28.
        assert!(holds(1, date(2027, 2, 7)) && !holds(2, date(2027, 2, 7)));
        assert!(holds(4, date(2027, 2, 28)) && holds(-1, date(2027, 2, 28)));
        assert!(!holds(-1, date(2027, 2, 21)));
        for bad in [0, 6, -2, i8::MIN, i8::MAX] {
            assert_eq!(Nth::try_from(bad), Err(WindowError::Nth));
        }
    }

    #[test]
    fn a_week_without_a_day_is_refused() {
        assert_eq!(Weekdays::new([]), Err(WindowError::NoDay));
        let days = [Weekday::Monday, Weekday::Sunday, Weekday::Monday];
        let days = Weekdays::new(days).unwrap();
        assert_eq!(days.iter().collect::<Vec<_>>(), [Weekday::Monday, Weekday::Sunday]);
    }

    #[test]
    fn a_stored_window_outside_the_limits_is_not_read() {
        let good = serde_json::to_string(&MaintenanceWindow::DEFAULT).unwrap();
        assert_eq!(good, r#"{"days":{"weekly":64},"start":"02:00","duration":240}"#);
        for (from, to) in [("240", "14"), ("02:00", "25:00"), (":64", ":0")] {
            let bad = good.replace(from, to);
            assert!(serde_json::from_str::<MaintenanceWindow>(&bad).is_err(), "{bad}");
        }
    }
}
