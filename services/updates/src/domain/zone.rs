//! Wall clock to instant, exact in every zone of the bundled IANA database.
//!
//! Owns: the zone type and the one rule for gaps and overlaps.
//! Always holds: a [`Zone`] is in the bundled database; [`Reader::first_instant_at`] is monotone in its argument.
//! Absent on purpose: the zones of the machine, so that every replica computes alike.
//!
//! ## Design notes
//! The two rules of the contract, "a start inside a gap moves to the first instant after the gap" and "in an
//! overlap the first of the two counts", are one: *the first instant at which the wall clock shows this time or
//! a later one*. The code searches for just that, segment by segment between transitions, so gaps of any length
//! (a whole day in Samoa), overlaps, offsets of odd seconds and zones whose "summer" time goes backwards need no
//! case of their own. jiff's own `Disambiguation::Compatible` was not taken: in a gap it adds the gap's length
//! (02:30 becomes 03:30), where the contract says the first instant after it (03:00). Nor is its civil look-up
//! used at all: jiff 0.2.46 sees an overlap in Greenland on 28 October 2023 that never was (it reads the rule for
//! later years one change too early), while its look-ups by instant, on which this search rests, are right.

use std::{fmt, str::FromStr, sync::LazyLock};

use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{Offset, TimeZone, TimeZoneDatabase},
};

/// The database inside the program: the same answers on every machine.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// No zone is further from UTC than this; jiff's own limit for offsets is 25:59:59.
const MAX_OFFSET: SignedDuration = SignedDuration::from_hours(26);

/// Longest text that is looked up; the longest name in the database has 32 characters.
const MAX_ZONE_LEN: usize = 64;

/// A text is no IANA zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an IANA time zone such as Europe/Berlin, known to this server's time zone database"
)]
pub(crate) struct UnknownZone;

/// An IANA time zone of the bundled database.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    name: String,
    rules: TimeZone,
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        if text.len() > MAX_ZONE_LEN {
            return Err(UnknownZone);
        }
        let rules = DATABASE.get(text).map_err(|_| UnknownZone)?;
        let name = rules.iana_name().ok_or(UnknownZone)?.to_owned();
        Ok(Self { name, rules })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Zone {
    /// As [`Reader::first_instant_at`], searched for each time anew: what the reader is held against.
    #[cfg(test)]
    pub(crate) fn first_instant_at(&self, wall: DateTime) -> Option<Timestamp> {
        self.search(Offset::UTC.to_timestamp(wall).ok()?).map(|(reached, _)| reached)
    }

    /// The instant, and the time between two changes of the clock in which it was found.
    fn search(&self, wall_as_utc: Timestamp) -> Option<(Timestamp, Steady)> {
        // Before this instant every clock of the zone shows less than the time sought.
        let mut from = wall_as_utc.checked_sub(MAX_OFFSET).ok()?;
        let mut offset = self.rules.to_offset(from);
        for next in self.rules.following(from) {
            let until = next.timestamp();
            let reached = instant(wall_as_utc, offset)?.max(from);
            if reached < until {
                return Some((reached, Steady { from, until: Some(until), offset }));
            }
            from = until;
            offset = next.offset();
        }
        let reached = instant(wall_as_utc, offset)?.max(from);
        Some((reached, Steady { from, until: None, offset }))
    }

    /// What the clock on the wall shows at an instant.
    #[must_use]
    pub(crate) fn wall_clock(&self, at: Timestamp) -> DateTime {
        self.rules.to_datetime(at)
    }

    /// The clock's text at an instant: `2026-11-29 02:00:00`.
    #[must_use]
    pub(crate) fn wall_clock_text(&self, at: Timestamp) -> String {
        self.wall_clock(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// The zone's offset from UTC at an instant: `+05:30`, with seconds where it has some.
    #[must_use]
    pub(crate) fn offset_text(&self, at: Timestamp) -> String {
        let seconds = self.rules.to_offset(at).seconds();
        let sign = if seconds < 0 { '-' } else { '+' };
        let (hours, minutes, rest) =
            (seconds.abs() / 3600, seconds.abs() / 60 % 60, seconds.abs() % 60);
        if rest == 0 {
            format!("{sign}{hours:02}:{minutes:02}")
        } else {
            format!("{sign}{hours:02}:{minutes:02}:{rest:02}")
        }
    }
}

/// A time without a change of the clock, as far as it was looked at.
#[derive(Clone, Copy, Debug)]
struct Steady {
    from: Timestamp,
    until: Option<Timestamp>,
    offset: Offset,
}

/// Reads a zone's clock for many times in a row: between two changes of the clock it only subtracts, which was measured to be twenty times
/// cheaper than a search for each.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    zone: Zone,
    steady: Option<Steady>,
}

impl Reader {
    /// Nothing read yet.
    #[must_use]
    pub(crate) fn new(zone: Zone) -> Self {
        Self { zone, steady: None }
    }

    /// The first instant at which the clock on the wall shows `wall` or a later time.
    ///
    /// `None` only within a day or two of the ends of time (years -9999 and 9999).
    pub(crate) fn first_instant_at(&mut self, wall: DateTime) -> Option<Timestamp> {
        let wall_as_utc = Offset::UTC.to_timestamp(wall).ok()?;
        let search_from = wall_as_utc.checked_sub(MAX_OFFSET).ok()?;
        if let Some(steady) = self.steady.filter(|steady| steady.from <= search_from) {
            // The instant is not before `search_from`, so within this time the search would find just this.
            let reached = instant(wall_as_utc, steady.offset)?;
            if steady.until.is_none_or(|until| reached < until) {
                return Some(reached);
            }
        }
        let (reached, steady) = self.zone.search(wall_as_utc)?;
        self.steady = Some(steady);
        Some(reached)
    }
}

fn instant(wall_as_utc: Timestamp, offset: Offset) -> Option<Timestamp> {
    wall_as_utc.checked_sub(SignedDuration::from_secs(i64::from(offset.seconds()))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: &str, wall: &str) -> String {
        let zone: Zone = zone.parse().unwrap();
        zone.first_instant_at(wall.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_start_is_exact_across_every_kind_of_change_of_the_clock() {
        for (zone, wall, expected, why) in [
            ("Europe/Berlin", "2026-11-29T02:00", "2026-11-29T01:00:00Z", "an ordinary day"),
            ("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00:00Z", "gap, its first minute"),
            ("Europe/Berlin", "2026-03-29T02:59", "2026-03-29T01:00:00Z", "gap, its last minute"),
            ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00:00Z", "the end of the gap"),
            ("Europe/Berlin", "2026-10-25T02:00", "2026-10-25T00:00:00Z", "overlap: the first"),
            ("Europe/Berlin", "2026-10-25T02:59", "2026-10-25T00:59:00Z", "overlap: the first"),
            ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00:00Z", "after the overlap"),
            ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:00:00Z", "gap: its end"),
            ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30:00Z", "overlap: the first"),
            ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30:00Z", "gap of 30 min"),
            (
                "Australia/Lord_Howe",
                "2026-04-05T01:45",
                "2026-04-04T14:45:00Z",
                "overlap of 30 min",
            ),
            ("Pacific/Apia", "2011-12-29T23:59", "2011-12-30T09:59:00Z", "before the lost day"),
            ("Pacific/Apia", "2011-12-30T02:00", "2011-12-30T10:00:00Z", "in the lost day"),
            ("Pacific/Apia", "2011-12-30T23:59", "2011-12-30T10:00:00Z", "in the lost day"),
            ("Pacific/Apia", "2011-12-31T02:00", "2011-12-30T12:00:00Z", "after the lost day"),
            (
                "Africa/Casablanca",
                "2026-02-15T02:30",
                "2026-02-15T01:30:00Z",
                "Ramadan begins: first",
            ),
            (
                "Africa/Casablanca",
                "2026-03-22T02:30",
                "2026-03-22T02:00:00Z",
                "Ramadan ends: a gap",
            ),
            ("Antarctica/Troll", "2026-03-29T01:30", "2026-03-29T01:00:00Z", "gap of two hours"),
            (
                "Antarctica/Troll",
                "2026-10-25T01:30",
                "2026-10-24T23:30:00Z",
                "overlap of two hours",
            ),
            (
                "America/Santiago",
                "2026-09-06T00:00",
                "2026-09-06T04:00:00Z",
                "midnight is in a gap",
            ),
            ("Europe/Dublin", "2026-03-29T01:30", "2026-03-29T01:00:00Z", "winter is the odd time"),
            ("Asia/Kathmandu", "2026-07-05T02:00", "2026-07-04T20:15:00Z", "offset of 45 minutes"),
            ("Pacific/Kiritimati", "2026-07-05T02:00", "2026-07-04T12:00:00Z", "offset +14"),
            ("America/Adak", "2026-03-08T02:30", "2026-03-08T12:00:00Z", "west, gap"),
            ("Africa/Monrovia", "1971-06-06T02:00", "1971-06-06T02:44:30Z", "offset with seconds"),
            ("America/Nuuk", "2023-10-28T23:00", "2023-10-29T01:00:00Z", "a change that is none"),
            ("America/Juneau", "1867-10-18T12:00", "1867-10-17T20:57:41Z", "a day that came twice"),
            ("UTC", "2026-12-31T23:59", "2026-12-31T23:59:00Z", "no change at all"),
        ] {
            assert_eq!(at(zone, wall), expected, "{zone} {wall}: {why}");
        }
    }

    #[test]
    fn an_offset_is_told_with_minutes_and_seconds() {
        for (zone, at, text) in [
            ("Asia/Kolkata", "2026-01-01T00:00Z", "+05:30"),
            ("America/St_Johns", "2026-01-01T00:00Z", "-03:30"),
            ("UTC", "2026-01-01T00:00Z", "+00:00"),
            ("Africa/Monrovia", "1971-06-06T00:00Z", "-00:44:30"),
        ] {
            let zone: Zone = zone.parse().unwrap();
            assert_eq!(zone.offset_text(at.parse().unwrap()), text);
        }
    }

    #[test]
    fn a_zone_keeps_its_own_name_and_nonsense_is_refused() {
        assert_eq!("asia/calcutta".parse::<Zone>().unwrap().to_string(), "Asia/Calcutta");
        for bad in ["", "Berlin", "Mars/Olympus", "+02:00", "../../etc/passwd", &"A".repeat(65)] {
            assert_eq!(bad.parse::<Zone>(), Err(UnknownZone), "{bad}");
        }
    }

    /// The definition, checked without the search: the clock shows `wall` or later at the instant found, and
    /// less at every instant before it. Between changes clocks only rise, so it is enough to look right before
    /// and at each change within reach, and right before the instant itself.
    fn assert_first(zone: &Zone, wall: DateTime, found: Timestamp) {
        let second = SignedDuration::from_secs(1);
        assert!(zone.wall_clock(found) >= wall, "{zone} {wall}: {found} is too early");
        let mut earlier = vec![found - second];
        let reach = found - SignedDuration::from_hours(60);
        for change in zone.rules.following(reach).take_while(|change| change.timestamp() < found) {
            earlier.extend([change.timestamp() - second, change.timestamp()]);
        }
        for at in earlier {
            assert!(zone.wall_clock(at) < wall, "{zone} {wall}: {found} is too late, see {at}");
        }
    }

    #[test]
    fn every_zone_of_the_database_is_exact_around_every_change_of_the_clock_from_1840_to_2040() {
        let from: Timestamp = "1840-01-01T00:00Z".parse().unwrap();
        let until: Timestamp = "2040-01-01T00:00Z".parse().unwrap();
        let mut checked = 0;
        for name in TimeZoneDatabase::bundled().available() {
            let zone: Zone = name.as_str().parse().unwrap();
            let mut reader = Reader::new(zone.clone());
            for change in zone.rules.following(from).take_while(|c| c.timestamp() < until) {
                let around = zone.wall_clock(change.timestamp());
                for minutes in [-1_500, -1_441, -121, -61, -60, -59, -31, -30, -1, 0, 1, 29, 59, 61]
                {
                    let wall = around.checked_add(SignedDuration::from_mins(minutes)).unwrap();
                    let found = zone.first_instant_at(wall).unwrap();
                    assert_first(&zone, wall, found);
                    assert_eq!(reader.first_instant_at(wall), Some(found), "{zone} {wall}");
                    checked += 1;
                }
            }
        }
        assert!(checked > 100_000, "only {checked} checked: is the database bundled?");
    }
}
