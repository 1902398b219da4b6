//! What a row of checks says: up, down, how fast, how flapping.
//!
//! Always holds: down after two failures in a row, up after one success, except while flapping; the
//! round trip is the median of the last five successes, so that one slow answer moves no client.

use jiff::Timestamp;

/// Failures in a row that make a target down.
const FAILURES_FOR_DOWN: u32 = 2;
/// Successes in a row that make a target up while it flaps, and otherwise.
const SUCCESSES_FOR_UP: u32 = 1;
const SUCCESSES_FOR_UP_FLAPPING: u32 = 3;
/// This many falls within the window make a target flapping.
const FALLS_FOR_FLAPPING: usize = 4;
/// Window of the rule above, seconds.
const FLAPPING_WINDOW_S: i64 = 600;
/// Successes that the median is over.
const SAMPLES: usize = 5;

/// What the checks say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Health {
    /// Reached.
    Up,
    /// No check, or too old.
    #[default]
    Unknown,
    /// Not reached.
    Down,
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// Connected within this many milliseconds.
    Connected {
        /// Connect time, milliseconds, above 0.
        milliseconds: f32,
        /// The address reached, as the connector spells it.
        address: String,
    },
    /// Not connected.
    Failed {
        /// The cause in words.
        cause: String,
        /// The name has no address in the allowed families.
        no_address_in_family: bool,
    },
}

/// The checks of one target by one connector.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    health: Health,
    samples: Vec<f32>,
    failures: u32,
    successes: u32,
    falls: Vec<Timestamp>,
    last_failure: String,
    no_address_in_family: bool,
    address: String,
    last: Option<Timestamp>,
    last_success: Option<Timestamp>,
}

impl Checks {
    /// Records one more check.
    pub fn record(&mut self, check: Check, now: Timestamp) {
        self.last = Some(now);
        match check {
            Check::Connected { milliseconds, address } => {
                self.succeeded(milliseconds, address, now);
            }
            Check::Failed { cause, no_address_in_family } => {
                self.failed(cause, no_address_in_family, now);
            }
        }
    }

    fn succeeded(&mut self, milliseconds: f32, address: String, now: Timestamp) {
        if self.samples.len() == SAMPLES {
            self.samples.remove(0);
        }
        self.samples.push(milliseconds);
        self.address = address;
        self.last_success = Some(now);
        self.failures = 0;
        self.last_failure.clear();
        self.no_address_in_family = false;
        self.successes = self.successes.saturating_add(1);
        if self.health != Health::Down || self.successes >= self.needed(now) {
            self.health = Health::Up;
        }
    }

    fn needed(&self, now: Timestamp) -> u32 {
        let recent = |fall: &&Timestamp| now.as_second() - fall.as_second() <= FLAPPING_WINDOW_S;
        if self.falls.iter().filter(recent).count() >= FALLS_FOR_FLAPPING {
            SUCCESSES_FOR_UP_FLAPPING
        } else {
            SUCCESSES_FOR_UP
        }
    }

    fn failed(&mut self, cause: String, no_address_in_family: bool, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.successes = 0;
        self.last_failure = cause;
        self.no_address_in_family = no_address_in_family;
        if self.failures >= FAILURES_FOR_DOWN && self.health != Health::Down {
            self.health = Health::Down;
            if self.falls.len() == FALLS_FOR_FLAPPING {
                self.falls.remove(0);
            }
            self.falls.push(now);
        }
    }

    /// UP, DOWN or UNKNOWN by the checks alone, whatever their age.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    /// Median of the last five successes, milliseconds.
    #[must_use]
    pub fn median_ms(&self) -> Option<f32> {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f32::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => None,
            n if n % 2 == 1 => Some(sorted[middle]),
            _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
        }
    }

    /// Failures since the last success.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The connector's words on the last failure; empty after a success.
    #[must_use]
    pub fn last_failure(&self) -> &str {
        &self.last_failure
    }

    /// Whether the last check found no address in the allowed families.
    #[must_use]
    pub fn no_address_in_family(&self) -> bool {
        self.no_address_in_family
    }

    /// The address of the last success.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// When the last check ended.
    #[must_use]
    pub fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// When the last success ended.
    #[must_use]
    pub fn last_success(&self) -> Option<Timestamp> {
        self.last_success
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn up(milliseconds: f32) -> Check {
        Check::Connected { milliseconds, address: "10.0.0.1".into() }
    }

    fn down() -> Check {
        Check::Failed { cause: "refused".into(), no_address_in_family: false }
    }

    fn after(checks: impl IntoIterator<Item = Check>) -> Checks {
        let mut all = Checks::default();
        for (second, check) in checks.into_iter().enumerate() {
            all.record(check, at(second as i64));
        }
        all
    }

    #[test]
    fn down_after_two_failures_in_a_row_and_up_after_one_success() {
        assert_eq!(after([]).health(), Health::Unknown);
        assert_eq!(after([down()]).health(), Health::Unknown);
        assert_eq!(after([up(1.0), down()]).health(), Health::Up);
        assert_eq!(after([up(1.0), down(), up(1.0), down()]).health(), Health::Up);
        assert_eq!(after([up(1.0), down(), down()]).health(), Health::Down);
        assert_eq!(after([down(), down()]).health(), Health::Down);
        assert_eq!(after([down(), down(), up(1.0)]).health(), Health::Up);
    }

    #[test]
    fn a_flapping_target_needs_three_successes() {
        let fall = [down(), down(), up(1.0)];
        let three_falls = after((0..3).flat_map(|_| fall.clone()));
        assert_eq!(three_falls.health(), Health::Up);
        let mut flapping = after((0..4).flat_map(|_| fall.clone()));
        assert_eq!(flapping.health(), Health::Down);
        flapping.record(up(1.0), at(20));
        assert_eq!(flapping.health(), Health::Down);
        flapping.record(up(1.0), at(21));
        assert_eq!(flapping.health(), Health::Up);

        let mut calm = after((0..4).flat_map(|_| fall.clone()));
        calm.record(down(), at(30));
        calm.record(up(1.0), at(2_000));
        assert_eq!(calm.health(), Health::Up, "old falls no longer count");
    }

    #[test]
    fn the_round_trip_is_the_median_of_the_last_five_successes() {
        assert_eq!(after([down()]).median_ms(), None);
        assert_eq!(after([up(4.0)]).median_ms(), Some(4.0));
        assert_eq!(after([up(4.0), up(6.0)]).median_ms(), Some(5.0));
        let spiky = after([up(900.0), up(10.0), up(11.0), up(500.0), up(12.0), up(13.0)]);
        assert_eq!(spiky.median_ms(), Some(12.0));
    }
}
