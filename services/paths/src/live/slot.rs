//! A connector's way to one target: what its checks say, read by every selection without a lock.
//!
//! Always holds: a reader sees each number whole; a result counts for as long as it was recorded to count.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use jiff::Timestamp;

use crate::domain::probing::{
    health::{Check, Checks, Health},
    reading::Reading,
};

/// "Not yet", in atomics of times.
const NEVER: i64 = i64::MIN;

/// A connector's way to one target, live.
#[derive(Debug)]
pub struct LegSlot {
    health: AtomicU8,
    no_address_in_family: AtomicBool,
    /// Median, microseconds; 0: never measured.
    median_us: AtomicU32,
    last_ms: AtomicI64,
    last_success_ms: AtomicI64,
    /// How long a result counts, milliseconds.
    valid_for_ms: AtomicI64,
    checks: Mutex<Checks>,
}

impl Default for LegSlot {
    fn default() -> Self {
        Self {
            health: AtomicU8::new(Health::Unknown as u8),
            no_address_in_family: AtomicBool::new(false),
            median_us: AtomicU32::new(0),
            last_ms: AtomicI64::new(NEVER),
            last_success_ms: AtomicI64::new(NEVER),
            valid_for_ms: AtomicI64::new(0),
            checks: Mutex::default(),
        }
    }
}

impl LegSlot {
    /// Records a check that ended at `when`; it counts for `valid_for`.
    pub fn record(&self, check: Check, when: Timestamp, valid_for: Duration) {
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.record(check, when);
        let micros = checks.median_ms().map_or(0, |ms| (ms * 1_000.0).round().max(1.0) as u32);
        self.median_us.store(micros, Relaxed);
        self.no_address_in_family.store(checks.no_address_in_family(), Relaxed);
        self.valid_for_ms
            .store(i64::try_from(valid_for.as_millis()).unwrap_or(i64::MAX / 4), Relaxed);
        if let Some(success) = checks.last_success() {
            self.last_success_ms.store(success.as_millisecond(), Relaxed);
        }
        self.health.store(checks.health() as u8, Relaxed);
        self.last_ms.store(when.as_millisecond(), Relaxed);
    }

    /// What it says now.
    #[must_use]
    #[inline]
    pub fn read(&self, now: Timestamp) -> Reading {
        self.read_at(now.as_millisecond())
    }

    /// As [`LegSlot::read`], at a time in milliseconds.
    #[must_use]
    #[inline]
    pub fn read_at(&self, now_ms: i64) -> Reading {
        let last_known = match self.health.load(Relaxed) {
            0 => Health::Up,
            2 => Health::Down,
            _ => Health::Unknown,
        };
        let last = self.last_ms.load(Relaxed);
        let fresh = last != NEVER && now_ms - last <= self.valid_for_ms.load(Relaxed);
        let micros = self.median_us.load(Relaxed);
        let measured = micros > 0;
        let age = if measured { now_ms - self.last_success_ms.load(Relaxed) } else { 0 };
        Reading {
            health: if fresh { last_known } else { Health::Unknown },
            last_known,
            milliseconds: measured.then_some(micros as f32 / 1_000.0),
            age_ms: age.max(0),
            no_address_in_family: fresh && self.no_address_in_family.load(Relaxed),
        }
    }

    /// The checks behind it.
    #[must_use]
    pub fn checks(&self) -> Checks {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::at_ms;

    #[test]
    fn an_old_result_is_unknown_and_keeps_its_number() {
        let slot = LegSlot::default();
        let check = Check::Connected { milliseconds: 7.5, address: String::new() };
        slot.record(check, at_ms(0), Duration::from_secs(90));
        let fresh = slot.read(at_ms(90_000));
        assert_eq!(
            (fresh.health, fresh.milliseconds, fresh.age_ms),
            (Health::Up, Some(7.5), 90_000)
        );
        let old = slot.read(at_ms(90_001));
        assert_eq!((old.health, old.last_known), (Health::Unknown, Health::Up));
        assert_eq!(old.milliseconds, Some(7.5));
    }
}
