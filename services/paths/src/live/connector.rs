//! What one connector reports, in memory: read by every selection without a lock, written by one report
//! stream.
//!
//! Owns: presence, load, grants since the last report, and the slots of its targets. Always
//! holds: it outlives snapshots of the configuration; a reader sees each number whole; times are
//! milliseconds since the Unix epoch. Absent on purpose: configuration, and anything on disk.
//!
//! ## Design notes
//! Numbers that the selector reads are atomics beside a lock that keeps the rest (texts, samples). They
//! are independent of each other, so relaxed order is enough: a selection that mixes two heartbeats is as
//! right as one of either.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use jiff::Timestamp;

use crate::live::slot::{LegSlot, Target};

/// Heartbeats that may be missed before a connector is disconnected.
const MISSED_HEARTBEATS: u32 = 3;
/// How long a connector stays connected after its stream closed, milliseconds: time to come back.
const GRACE_AFTER_CLOSE_MS: i64 = 5_000;
/// Sessions that a connector is assumed to carry when it does not say.
const ASSUMED_SESSION_LIMIT: u32 = 1_000;
/// Share of descriptors or memory from which on a host has no room left.
const SPENT_SHARE: f64 = 0.98;
/// "Not yet", in atomics of times.
const NEVER: i64 = i64::MIN;

/// Load as a connector reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Sessions now.
    pub sessions: u32,
    /// Sessions that it can carry; 0: not known.
    pub session_limit: u32,
    /// Share of all cores, 0 to 1.
    pub cpu: f64,
    /// Share of memory, 0 to 1.
    pub memory: f64,
    /// Open descriptors.
    pub descriptors: u32,
    /// Their limit; 0: not known.
    pub descriptor_limit: u32,
    /// Local ports in use.
    pub ports: u32,
    /// Free disk space, bytes.
    pub disk_free_bytes: u64,
}

impl Load {
    fn spent(&self) -> bool {
        let sessions = self.session_limit > 0 && self.sessions >= self.session_limit;
        let descriptors = self.descriptor_limit > 0
            && f64::from(self.descriptors) >= SPENT_SHARE * f64::from(self.descriptor_limit);
        sessions || descriptors || self.memory >= SPENT_SHARE
    }
}

/// Who a running connector process is, from its Hello and its connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    /// UUID made at the start of the process.
    pub instance_id: String,
    /// Running version.
    pub version: String,
    /// Operating system and architecture.
    pub platform: String,
    /// Host name.
    pub hostname: String,
    /// Addresses of its interfaces.
    pub private_addresses: Vec<String>,
    /// Address of the TCP peer.
    pub public_address: String,
    /// When the process started, by its own clock.
    pub start: Option<Timestamp>,
    /// Version before the last update.
    pub previous_version: String,
    /// End of the certificate that opened the stream.
    pub certificate_end: Option<Timestamp>,
}

/// The last report's texts and times.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Who it is.
    pub instance: Instance,
    /// Its last load.
    pub load: Load,
    /// When the stream of now, or the last one, was opened.
    pub opened: Option<Timestamp>,
    /// The connector's clock minus ours, milliseconds, at the last message that told its time.
    pub clock_skew_ms: Option<i64>,
    /// What it was last asked to probe.
    pub assigned: AssignedLoad,
}

/// How much a connector is asked to probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AssignedLoad {
    /// Targets.
    pub targets: usize,
    /// Share of the probe budget that they would take at the wanted period, in thousandths.
    pub budget_permille: u64,
    /// Targets beyond the budget, not probed at all.
    pub left_out: usize,
}

/// Whether a connector can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Reports.
    Connected,
    /// Has reported, and no longer does.
    Disconnected {
        /// Since when, milliseconds.
        since_ms: i64,
    },
    /// Has never reported here.
    NotSeen,
}

/// One connector, live.
#[derive(Debug)]
pub struct ConnectorLive {
    stream: AtomicU32,
    open: AtomicBool,
    closed_ms: AtomicI64,
    last_beat_ms: AtomicI64,
    period_ms: AtomicI64,
    connected_since_ms: AtomicI64,
    certificate_end_ms: AtomicI64,
    sessions: AtomicU32,
    session_limit: AtomicU32,
    cpu_permille: AtomicU32,
    spent: AtomicBool,
    grants: AtomicU32,
    report: Mutex<Report>,
    slots: RwLock<HashMap<Target, Arc<LegSlot>>>,
}

impl Default for ConnectorLive {
    fn default() -> Self {
        Self {
            stream: AtomicU32::new(0),
            open: AtomicBool::new(false),
            closed_ms: AtomicI64::new(NEVER),
            last_beat_ms: AtomicI64::new(NEVER),
            period_ms: AtomicI64::new(0),
            connected_since_ms: AtomicI64::new(NEVER),
            certificate_end_ms: AtomicI64::new(i64::MAX),
            sessions: AtomicU32::new(0),
            session_limit: AtomicU32::new(ASSUMED_SESSION_LIMIT),
            cpu_permille: AtomicU32::new(0),
            spent: AtomicBool::new(false),
            grants: AtomicU32::new(0),
            report: Mutex::default(),
            slots: RwLock::default(),
        }
    }
}

/// Marks the stream that may write; a newer one takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamMark(u32);

impl ConnectorLive {
    /// A report stream opened: the connector is present from now on, and an older stream's words no
    /// longer count.
    pub fn open(&self, instance: Instance, period: Duration, now: Timestamp) -> StreamMark {
        let mut report = self.lock();
        let mark = StreamMark(self.stream.fetch_add(1, Relaxed).wrapping_add(1));
        let now_ms = now.as_millisecond();
        if !matches!(self.presence(now), Presence::Connected) {
            self.connected_since_ms.store(now_ms, Relaxed);
        }
        let end = instance.certificate_end.map_or(i64::MAX, Timestamp::as_millisecond);
        self.certificate_end_ms.store(end, Relaxed);
        self.period_ms.store(i64::try_from(period.as_millis()).unwrap_or(i64::MAX / 4), Relaxed);
        self.last_beat_ms.store(now_ms, Relaxed);
        self.open.store(true, Relaxed);
        report.instance = instance;
        report.opened = Some(now);
        mark
    }

    /// Whether a stream is still the newest of its connector.
    #[must_use]
    pub fn is_current(&self, mark: StreamMark) -> bool {
        self.stream.load(Relaxed) == mark.0
    }

    /// A heartbeat arrived.
    pub fn beat(&self, mark: StreamMark, load: Option<Load>, skew_ms: Option<i64>, now: Timestamp) {
        let mut report = self.lock();
        if !self.is_current(mark) {
            return;
        }
        let now_ms = now.as_millisecond();
        if !matches!(self.presence(now), Presence::Connected) {
            self.connected_since_ms.store(now_ms, Relaxed);
        }
        self.last_beat_ms.store(now_ms, Relaxed);
        report.clock_skew_ms = skew_ms.or(report.clock_skew_ms);
        if let Some(load) = load {
            report.load = load;
            self.take_load(load);
        }
    }

    fn take_load(&self, load: Load) {
        self.grants.store(0, Relaxed);
        self.sessions.store(load.sessions, Relaxed);
        let limit = if load.session_limit > 0 { load.session_limit } else { ASSUMED_SESSION_LIMIT };
        self.session_limit.store(limit, Relaxed);
        self.cpu_permille.store((load.cpu.clamp(0.0, 4.0) * 1_000.0) as u32, Relaxed);
        self.spent.store(load.spent(), Relaxed);
    }

    /// Notes what it is asked to probe.
    pub fn assign(&self, assigned: AssignedLoad) {
        self.lock().assigned = assigned;
    }

    /// The stream ended. `goodbye`: on purpose, so there is nothing to wait for.
    pub fn close(&self, mark: StreamMark, goodbye: bool, now: Timestamp) {
        let _report = self.lock();
        if !self.is_current(mark) {
            return;
        }
        let grace = if goodbye { GRACE_AFTER_CLOSE_MS } else { 0 };
        self.closed_ms.store(now.as_millisecond() - grace, Relaxed);
        self.open.store(false, Relaxed);
    }

    /// Whether it can serve now.
    #[must_use]
    #[inline]
    pub fn presence(&self, now: Timestamp) -> Presence {
        self.presence_at(now.as_millisecond())
    }

    /// As [`ConnectorLive::presence`], at a time in milliseconds.
    #[must_use]
    #[inline]
    pub fn presence_at(&self, now_ms: i64) -> Presence {
        let beat = self.last_beat_ms.load(Relaxed);
        if beat == NEVER {
            return Presence::NotSeen;
        }
        let silent = beat + i64::from(MISSED_HEARTBEATS) * self.period_ms.load(Relaxed);
        let gone = if self.open.load(Relaxed) {
            silent
        } else {
            silent.min(self.closed_ms.load(Relaxed) + GRACE_AFTER_CLOSE_MS)
        };
        if now_ms < gone { Presence::Connected } else { Presence::Disconnected { since_ms: gone } }
    }

    /// For how long it has been connected without a break, milliseconds; 0 if it is not.
    #[must_use]
    pub fn connected_for_ms(&self, now: Timestamp) -> i64 {
        match self.presence(now) {
            Presence::Connected => {
                now.as_millisecond().saturating_sub(self.connected_since_ms.load(Relaxed)).max(0)
            }
            _ => 0,
        }
    }

    /// End of its certificate, milliseconds.
    #[must_use]
    #[inline]
    pub fn certificate_end_ms(&self) -> i64 {
        self.certificate_end_ms.load(Relaxed)
    }

    /// Whether its host has no room left.
    #[must_use]
    #[inline]
    pub fn is_spent(&self) -> bool {
        self.spent.load(Relaxed)
    }

    /// Share of its capacity in use, 0 and up: the greater of processor and sessions. Sessions are those
    /// of the last report plus what all replicas granted since; those that ended since still count, which
    /// errs on the side of room.
    #[must_use]
    #[inline]
    pub fn utilisation(&self, replicas: u32) -> f32 {
        let granted = self.grants.load(Relaxed).saturating_mul(replicas);
        let sessions = self.sessions.load(Relaxed).saturating_add(granted) as f32;
        let cpu = self.cpu_permille.load(Relaxed) as f32 / 1_000.0;
        (sessions / self.session_limit.load(Relaxed) as f32).max(cpu)
    }

    /// Counts a selection against it until its next report.
    pub fn grant(&self) {
        self.grants.fetch_add(1, Relaxed);
    }

    /// Selections since its last report.
    #[must_use]
    pub fn grants(&self) -> u32 {
        self.grants.load(Relaxed)
    }

    /// The last report.
    #[must_use]
    pub fn report(&self) -> Report {
        self.lock().clone()
    }

    /// When the last heartbeat arrived, milliseconds.
    #[must_use]
    pub fn last_beat_ms(&self) -> Option<i64> {
        Some(self.last_beat_ms.load(Relaxed)).filter(|ms| *ms != NEVER)
    }

    /// The slot for a target, made when it is new.
    #[must_use]
    pub fn slot(&self, target: &Target) -> Arc<LegSlot> {
        if let Some(slot) = self.existing_slot(target) {
            return slot;
        }
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.entry(target.clone()).or_default().clone()
    }

    /// The slot for a target, if there is one.
    #[must_use]
    pub fn existing_slot(&self, target: &Target) -> Option<Arc<LegSlot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).get(target).cloned()
    }

    /// Every target that was probed or is to be, in order.
    #[must_use]
    pub fn targets(&self) -> Vec<(Target, Arc<LegSlot>)> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> =
            slots.iter().map(|(target, slot)| (target.clone(), slot.clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Forgets slots that nobody holds: neither a report stream nor a board of a snapshot.
    pub fn forget_slots(&self) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| Arc::strong_count(slot) > 1);
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
    fn three_missed_heartbeats_disconnect_an_open_stream() {
        let (live, mark) = opened();
        assert_eq!(ConnectorLive::default().presence(at_ms(0)), Presence::NotSeen);
        assert_eq!(live.presence(at_ms(29_999)), Presence::Connected);
        assert_eq!(live.presence(at_ms(30_000)), Presence::Disconnected { since_ms: 30_000 });
        live.beat(mark, None, None, at_ms(31_000));
        assert_eq!(live.presence(at_ms(60_999)), Presence::Connected);
        assert_eq!(live.connected_for_ms(at_ms(32_000)), 1_000, "the break starts the count anew");
    }

    #[test]
    fn five_seconds_after_the_stream_closed_a_connector_is_gone() {
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
        live.beat(
            mark,
            Some(Load { sessions: 20, session_limit: 100, ..Load::default() }),
            None,
            at_ms(1),
        );
        for _ in 0..30 {
            live.grant();
        }
        assert!((live.utilisation(1) - 0.5).abs() < 1e-6);
        assert!((live.utilisation(2) - 0.8).abs() < 1e-6);
        live.beat(mark, None, None, at_ms(2));
        assert_eq!(live.grants(), 30, "a beat without load reports nothing");
        live.beat(
            mark,
            Some(Load { sessions: 50, session_limit: 100, ..Load::default() }),
            None,
            at_ms(3),
        );
        assert!((live.utilisation(2) - 0.5).abs() < 1e-6);
    }
}
