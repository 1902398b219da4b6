//! Where time comes from.
//!
//! Owns: the only reading of the system's clock in the product; everything else is handed a [`Clock`] or
//! a [`Timestamp`].
//! Always holds: a manual clock moves only when a test moves it, and every sleeper that is due by then
//! wakes; certificates are verified against the same clock as everything else.
//! Absent on purpose: monotonic intervals (use tokio's timers for timeouts of I/O, they measure the
//! machine, not the calendar).

use std::{fmt, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rustls::{pki_types::UnixTime, time_provider::TimeProvider};
use tokio::sync::watch;

/// A source of time: the machine's, or one that a test moves.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(watch::Receiver<Timestamp>),
}

/// The handle that moves a manual clock. Dropping it stops that clock for ever.
#[derive(Clone)]
pub struct ManualClock(Arc<watch::Sender<Timestamp>>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until it is moved.
    #[must_use]
    pub fn manual(start: Timestamp) -> (Self, ManualClock) {
        let (sender, receiver) = watch::channel(start);
        (Self(Source::Manual(receiver)), ManualClock(Arc::new(sender)))
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp::now(),
            Source::Manual(receiver) => *receiver.borrow(),
        }
    }

    /// Waits until `duration` has passed on this clock.
    pub async fn sleep(&self, duration: Duration) {
        match &self.0 {
            Source::System => tokio::time::sleep(duration).await,
            Source::Manual(_) => self.sleep_until(later(self.now(), duration)).await,
        }
    }

    /// Waits until this clock shows `deadline` or later.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        match &self.0 {
            Source::System => tokio::time::sleep(until(self.now(), deadline)).await,
            Source::Manual(receiver) => {
                let mut receiver = receiver.clone();
                if receiver.wait_for(|now| *now >= deadline).await.is_err() {
                    // The handle that moves the clock is gone: that time never comes.
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// This clock for rustls, so that certificates expire by it.
    #[must_use]
    pub fn time_provider(&self) -> Arc<dyn TimeProvider> {
        Arc::new(self.clone())
    }
}

/// `start` plus `duration`, or the end of representable time.
#[must_use]
pub fn later(start: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| start.checked_add(duration).ok())
        .unwrap_or(Timestamp::MAX)
}

/// How long from `now` to `deadline`; zero when it has passed.
#[must_use]
pub fn until(now: Timestamp, deadline: Timestamp) -> Duration {
    Duration::try_from(deadline.duration_since(now)).unwrap_or(Duration::ZERO)
}

impl ManualClock {
    /// Moves the clock on by `duration` and wakes the sleepers that are due.
    pub fn advance(&self, duration: Duration) {
        self.0.send_modify(|now| *now = later(*now, duration));
    }

    /// Puts the clock to `now`, back in time too, as operators' clocks do.
    pub fn set(&self, now: Timestamp) {
        self.0.send_replace(now);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::System => f.write_str("Clock(system)"),
            Source::Manual(receiver) => write!(f, "Clock(manual at {})", *receiver.borrow()),
        }
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({})", *self.0.borrow())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_on_a_manual_clock_wakes_when_the_clock_reaches_its_time() {
        let (clock, hand) = Clock::manual(Timestamp::UNIX_EPOCH);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep(Duration::from_secs(10)).await;
                clock.now()
            }
        });
        tokio::task::yield_now().await;
        hand.advance(Duration::from_secs(9));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        hand.advance(Duration::from_secs(1));
        assert_eq!(sleeper.await.unwrap().as_second(), 10);
    }

    #[test]
    fn the_end_of_time_is_reached_without_a_panic() {
        let (clock, hand) = Clock::manual(Timestamp::MAX);
        hand.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
        assert_eq!(until(Timestamp::MAX, Timestamp::MIN), Duration::ZERO);
    }

    #[test]
    fn rustls_sees_the_manual_time() {
        let (clock, hand) = Clock::manual(Timestamp::UNIX_EPOCH);
        hand.advance(Duration::from_secs(86_400));
        let seen = clock.time_provider().current_time().unwrap();
        assert_eq!(seen.as_secs(), 86_400);
    }
}
