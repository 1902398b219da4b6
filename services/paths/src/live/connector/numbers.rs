//! The numbers of a connector that every selection reads, in one cache line.
//!
//! ## Design notes
//! They are atomics, independent of each other, so relaxed order is enough: a selection that mixes two heartbeats is as
//! right as one of either. In one cache line, since a selection over many connectors is bound by the lines that it
//! touches.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering::Relaxed};

use crate::domain::reporting::{numbers::ConnectorNumbers, report::Load};

/// Sessions that a connector is assumed to carry when it does not say.
const ASSUMED_SESSION_LIMIT: u32 = 1_000;
/// Greatest share of all cores that counts: a broken report must not become infinite.
const MAX_CPU: f64 = 4.0;
/// "Not yet", in atomics of times.
const NEVER: i64 = i64::MIN;

/// See [`ConnectorNumbers`]. Times are milliseconds since the Unix epoch.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct AtomicNumbers {
    pub(super) leaves_ms: AtomicI64,
    pub(super) last_beat_ms: AtomicI64,
    pub(super) period_ms: AtomicI64,
    pub(super) connected_since_ms: AtomicI64,
    pub(super) certificate_end_ms: AtomicI64,
    /// Counts the streams that were opened; the last one may write.
    pub(super) stream: AtomicU32,
    sessions: AtomicU32,
    session_limit: AtomicU32,
    cpu_permille: AtomicU32,
    pub(super) grants: AtomicU32,
    spent: AtomicBool,
    /// Whether the last stream is open; if not, `leaves_ms` counts.
    pub(super) open: AtomicBool,
}

const _: () = assert!(size_of::<AtomicNumbers>() == 64, "one cache line");

impl Default for AtomicNumbers {
    fn default() -> Self {
        Self {
            leaves_ms: AtomicI64::new(NEVER),
            last_beat_ms: AtomicI64::new(NEVER),
            period_ms: AtomicI64::new(0),
            connected_since_ms: AtomicI64::new(NEVER),
            certificate_end_ms: AtomicI64::new(i64::MAX),
            stream: AtomicU32::new(0),
            sessions: AtomicU32::new(0),
            session_limit: AtomicU32::new(ASSUMED_SESSION_LIMIT),
            cpu_permille: AtomicU32::new(0),
            grants: AtomicU32::new(0),
            spent: AtomicBool::new(false),
            open: AtomicBool::new(false),
        }
    }
}

impl AtomicNumbers {
    /// As they stand.
    #[inline]
    pub(super) fn read(&self) -> ConnectorNumbers {
        ConnectorNumbers {
            last_beat_ms: Some(self.last_beat_ms.load(Relaxed)).filter(|ms| *ms != NEVER),
            period_ms: self.period_ms.load(Relaxed),
            leaves_ms: (!self.open.load(Relaxed)).then(|| self.leaves_ms.load(Relaxed)),
            connected_since_ms: self.connected_since_ms.load(Relaxed),
            certificate_end_ms: self.certificate_end_ms.load(Relaxed),
            is_spent: self.spent.load(Relaxed),
            sessions: self.sessions.load(Relaxed),
            session_limit: self.session_limit.load(Relaxed),
            cpu_permille: self.cpu_permille.load(Relaxed),
            grants: self.grants.load(Relaxed),
        }
    }

    /// A load was reported: what was granted before is in it.
    pub(super) fn store_load(&self, load: Load) {
        self.grants.store(0, Relaxed);
        self.sessions.store(load.sessions, Relaxed);
        let limit = if load.session_limit > 0 { load.session_limit } else { ASSUMED_SESSION_LIMIT };
        self.session_limit.store(limit, Relaxed);
        self.cpu_permille.store((load.cpu.clamp(0.0, MAX_CPU) * 1_000.0) as u32, Relaxed);
        self.spent.store(load.is_spent(), Relaxed);
    }
}
