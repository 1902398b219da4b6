//! The two clocks: one that is dated by, and one that never goes back.
//!
//! Owns their types. A lease is judged by the monotonic one. It says how much time has passed for this process and nothing
//! else: wall clocks of two machines are never compared, and one that is set does not end a lease. What is dated (retention,
//! request records) goes by the wall clock that [`Store::open`](crate::Store::open) is given.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

/// Tells the time; the process's clock, or a test's.
pub(crate) type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Says how long something has lasted; the machine's monotonic clock, or a test's.
#[derive(Clone)]
pub struct MonotonicClock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl MonotonicClock {
    /// The machine's own.
    #[must_use]
    pub fn system() -> MonotonicClock {
        let begun = Instant::now();
        MonotonicClock::call(move || begun.elapsed())
    }

    /// Calls `now` for the time that has passed since some moment; it must never go back.
    #[must_use]
    pub fn call(now: impl Fn() -> Duration + Send + Sync + 'static) -> MonotonicClock {
        MonotonicClock(Arc::new(now))
    }

    pub(crate) fn now(&self) -> Duration {
        (self.0)()
    }
}

impl std::fmt::Debug for MonotonicClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MonotonicClock")
    }
}
