//! How long to wait before the next attempt to reach the control plane.
//!
//! Owns: the growth, the ceiling and the jitter. Always holds: a wait is between a tenth of the current ceiling and
//! the ceiling; the ceiling doubles with each failure and never passes its maximum.
//! Absent on purpose: the clock and the source of randomness, which the caller hands in.
//!
//! ## Design notes
//! Wide jitter (a tenth to the whole) rather than a band around the ceiling: after a restart of the control plane
//! every connector of a fleet fails in the same second, and only spreading over the whole interval keeps the
//! return from being a second failure. `backon` has the growth and the maximum; its own jitter adds up to the whole ceiling
//! on top of it and cannot shorten a wait, so it stays off.

use std::{iter::Peekable, time::Duration};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use rand::Rng;

/// First ceiling: the cost of one lost packet should not be noticed.
pub(crate) const FIRST_CEILING: Duration = Duration::from_millis(500);
/// Last ceiling: 100,000 connectors then return at under 4,000 a second, and an operator who repairs something
/// waits at most this long.
pub(crate) const LAST_CEILING: Duration = Duration::from_secs(30);

/// Between which bounds waits grow.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    last: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(FIRST_CEILING, LAST_CEILING)
    }
}

impl Backoff {
    /// Waits from `first` to `last`; a `last` below `first` counts as `first`.
    #[must_use]
    pub fn new(first: Duration, last: Duration) -> Self {
        Self { first, last: last.max(first) }
    }

    /// Waits that begin with the first ceiling.
    pub(crate) fn waits(self) -> Waits {
        let growth = ExponentialBuilder::new()
            .with_min_delay(self.first)
            .with_max_delay(self.last)
            .without_max_times();
        Waits { backoff: self, ceilings: growth.build().peekable() }
    }
}

/// Waits that grow with each failure.
#[derive(Debug)]
pub(crate) struct Waits {
    backoff: Backoff,
    ceilings: Peekable<ExponentialBackoff>,
}

impl Waits {
    /// The wait before the next attempt.
    pub(crate) fn next(&mut self, rng: &mut impl Rng) -> Duration {
        let ceiling = self.ceilings.next().unwrap_or(self.backoff.last);
        ceiling.mul_f64(rng.random_range(0.1..=1.0))
    }

    /// Notes how long the last session lasted. One that outlived the current ceiling was a real one, and the next
    /// failure starts anew; a shorter one does not, so a server that accepts and drops is not called without pause.
    pub(crate) fn session_lasted(&mut self, duration: Duration) {
        if self.ceilings.peek().is_some_and(|ceiling| duration >= *ceiling) {
            *self = self.backoff.waits();
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn waits_grow_to_the_last_ceiling_and_stay_jittered() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut waits = Backoff::new(Duration::from_millis(100), Duration::from_secs(1)).waits();
        for ceiling in [100, 200, 400, 800, 1_000, 1_000, 1_000] {
            let wait = waits.next(&mut rng).as_millis();
            assert!((ceiling / 10..=ceiling).contains(&wait), "{wait} of {ceiling}");
        }
    }

    #[test]
    fn a_last_ceiling_below_the_first_counts_as_the_first() {
        let mut rng = StdRng::seed_from_u64(1);
        let first = Duration::from_secs(1);
        let mut waits = Backoff::new(first, Duration::from_millis(1)).waits();
        let longest = (0..1_000).map(|_| waits.next(&mut rng)).max();
        assert!(longest.is_some_and(|wait| wait <= first && wait > first / 2), "{longest:?}");
    }

    #[test]
    fn a_fleet_that_fails_together_does_not_return_together() {
        let waits: Vec<_> = (0..1_000)
            .map(|seed| Backoff::default().waits().next(&mut StdRng::seed_from_u64(seed)))
            .collect();
        let tenth = FIRST_CEILING / 10;
        let busiest = (0..10)
            .map(|slot| {
                waits.iter().filter(|w| **w >= tenth * slot && **w < tenth * (slot + 1)).count()
            })
            .max();
        assert!(busiest.unwrap() < 200, "{busiest:?} of 1,000 in one tenth");
    }

    #[test]
    fn a_long_session_starts_anew_and_a_short_one_does_not() {
        let mut rng = StdRng::seed_from_u64(1);
        let first = Duration::from_millis(100);
        let mut waits = Backoff::new(first, Duration::from_secs(100)).waits();
        for _ in 0..6 {
            waits.next(&mut rng);
        }
        waits.session_lasted(Duration::from_secs(1));
        assert!(
            waits.next(&mut rng) > first,
            "a second of service is no recovery after six failures"
        );
        waits.session_lasted(Duration::from_secs(100));
        assert!(waits.next(&mut rng) <= first);
    }
}
