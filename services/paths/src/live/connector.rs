//! What one connector reports, in memory: read by every selection without a lock, written by one report
//! stream.
//!
//! Owns: presence, load, grants since the last report, and the slots of its targets.
//! Always holds: it outlives snapshots of the configuration; a reader sees each number whole.
//! Absent on purpose: configuration, anything on disk, and what follows from the numbers (see
//! [`ConnectorNumbers`]).

mod numbers;
mod slots;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, atomic::Ordering::Relaxed},
    time::Duration,
};

use jiff::Timestamp;

use self::numbers::AtomicNumbers;
use super::slot::LegSlot;
use crate::domain::{
    probing::target::Target,
    reporting::{
        numbers::{ConnectorNumbers, Presence, leaves_ms},
        report::{AssignedLoad, Instance, Load, Report},
    },
};

/// One connector, live.
#[derive(Debug, Default)]
pub struct ConnectorLive {
    numbers: AtomicNumbers,
    /// Also orders the writers of `numbers`.
    report: Mutex<Report>,
    slots: RwLock<HashMap<Target, Arc<LegSlot>>>,
}

/// Marks the stream that may write: the newest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamMark(u32);

impl ConnectorLive {
    /// A report stream opened: the connector is present from now on, and an older stream no
    /// longer counts.
    pub fn open(&self, instance: Instance, period: Duration, now: Timestamp) -> StreamMark {
        let mut report = self.lock();
        let mark = StreamMark(self.numbers.stream.fetch_add(1, Relaxed).wrapping_add(1));
        self.come_back(now);
        let end = instance.certificate_end.map_or(i64::MAX, Timestamp::as_millisecond);
        self.numbers.certificate_end_ms.store(end, Relaxed);
        self.numbers
            .period_ms
            .store(i64::try_from(period.as_millis()).unwrap_or(i64::MAX / 4), Relaxed);
        self.numbers.last_beat_ms.store(now.as_millisecond(), Relaxed);
        self.numbers.open.store(true, Relaxed);
        report.instance = instance;
        report.opened = Some(now);
        mark
    }

    /// The time without a break begins anew, if there was one.
    fn come_back(&self, now: Timestamp) {
        if self.presence(now) != Presence::Connected {
            self.numbers.connected_since_ms.store(now.as_millisecond(), Relaxed);
        }
    }

    /// Whether a stream is still the newest of its connector.
    #[must_use]
    pub fn is_current(&self, mark: StreamMark) -> bool {
        self.numbers.stream.load(Relaxed) == mark.0
    }

    /// A heartbeat arrived.
    pub fn beat(&self, mark: StreamMark, load: Option<Load>, skew_ms: Option<i64>, now: Timestamp) {
        let mut report = self.lock();
        if !self.is_current(mark) {
            return;
        }
        self.come_back(now);
        self.numbers.last_beat_ms.store(now.as_millisecond(), Relaxed);
        report.clock_skew_ms = skew_ms.or(report.clock_skew_ms);
        if let Some(load) = load {
            report.load = load;
            self.numbers.store_load(load);
        }
    }

    /// Notes what it is asked to probe.
    pub fn assign(&self, assigned: AssignedLoad) {
        self.lock().assigned = assigned;
    }

    /// The stream ended. `goodbye`: on purpose.
    pub fn close(&self, mark: StreamMark, goodbye: bool, now: Timestamp) {
        let _report = self.lock();
        if !self.is_current(mark) {
            return;
        }
        self.numbers.leaves_ms.store(leaves_ms(now.as_millisecond(), goodbye), Relaxed);
        self.numbers.open.store(false, Relaxed);
    }

    /// Its numbers as they stand.
    #[must_use]
    #[inline]
    pub fn numbers(&self) -> ConnectorNumbers {
        self.numbers.read()
    }

    /// Whether it can serve now.
    #[must_use]
    pub fn presence(&self, now: Timestamp) -> Presence {
        self.numbers().presence(now.as_millisecond())
    }

    /// Counts a selection against it until its next report.
    pub fn grant(&self) {
        self.numbers.grants.fetch_add(1, Relaxed);
    }

    /// The last report.
    #[must_use]
    pub fn report(&self) -> Report {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::at_ms;

    const PERIOD: Duration = Duration::from_secs(10);

    fn opened() -> (ConnectorLive, StreamMark) {
        let live = ConnectorLive::default();
        let mark = live.open(Instance::default(), PERIOD, at_ms(0));
        (live, mark)
    }

    #[test]
    fn a_heartbeat_after_a_break_connects_and_starts_the_time_anew() {
        let (live, mark) = opened();
        assert_eq!(ConnectorLive::default().presence(at_ms(0)), Presence::NotSeen);
        assert_eq!(live.presence(at_ms(30_000)), Presence::Disconnected { since_ms: 30_000 });
        live.beat(mark, None, None, at_ms(31_000));
        assert_eq!(live.presence(at_ms(60_999)), Presence::Connected);
        assert_eq!(live.numbers().connected_for_ms(32_000), Some(1_000));
    }

    #[test]
    fn a_stream_that_closed_and_opened_again_is_present() {
        let (live, mark) = opened();
        live.close(mark, false, at_ms(1_000));
        assert_eq!(live.presence(at_ms(5_999)), Presence::Connected);
        assert_eq!(live.presence(at_ms(6_000)), Presence::Disconnected { since_ms: 6_000 });
        live.open(Instance::default(), PERIOD, at_ms(7_000));
        assert_eq!(live.presence(at_ms(7_000)), Presence::Connected);
    }

    #[test]
    fn a_goodbye_disconnects_at_once() {
        let (live, mark) = opened();
        live.close(mark, true, at_ms(1_000));
        assert_eq!(live.presence(at_ms(1_000)), Presence::Disconnected { since_ms: 1_000 });
    }

    #[test]
    fn an_older_stream_has_no_say() {
        let (live, old) = opened();
        let new = live.open(Instance::default(), PERIOD, at_ms(10));
        live.close(old, true, at_ms(20));
        assert_eq!(live.presence(at_ms(30)), Presence::Connected);
        live.beat(old, Some(Load { sessions: 9, ..Load::default() }), None, at_ms(40));
        assert_eq!(live.report().load.sessions, 0);
        assert!(live.is_current(new) && !live.is_current(old));
    }

    #[test]
    fn grants_count_as_load_until_the_next_report() {
        let (live, mark) = opened();
        let load = |sessions| Some(Load { sessions, session_limit: 100, ..Load::default() });
        live.beat(mark, load(20), None, at_ms(1));
        for _ in 0..30 {
            live.grant();
        }
        assert!((live.numbers().utilisation(1) - 0.5).abs() < 1e-6);
        live.beat(mark, None, None, at_ms(2));
        assert_eq!(live.numbers().grants, 30, "a beat without load reports nothing");
        live.beat(mark, load(50), None, at_ms(3));
        assert!((live.numbers().utilisation(2) - 0.5).abs() < 1e-6);
    }
}
