//! Which applications are being used: what `ON_ACCESS` probing follows, and what a segment remembers
//! between snapshots of the configuration.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use jiff::Timestamp;
use names::Id;

use crate::domain::{configuration::Protocol, matching::host::Host};

/// How long an application counts as used after the last question for it, milliseconds.
pub const USED_FOR_MS: i64 = 30 * 60 * 1_000;
/// Most hosts and ports that a tenant's demand holds. Beyond it new ones are answered from estimates: a
/// client that asks for made-up names below a wildcard must not make connectors probe them all.
pub const MAX_DEMAND: usize = 10_000;
/// Priorities that a preference can have.
const PRIORITIES: usize = 10;

/// Something that users ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The segment that covers it.
    pub segment: Id,
    /// The host as asked.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// When something was last asked for.
#[derive(Debug)]
pub struct LastAccess(AtomicI64);

impl LastAccess {
    /// Notes an access; true if the application was not in use before.
    pub fn touch(&self, now: Timestamp) -> bool {
        let now_ms = now.as_millisecond();
        let before = self.0.swap(now_ms, Relaxed);
        now_ms.saturating_sub(before) > USED_FOR_MS
    }

    /// When that was, milliseconds.
    #[must_use]
    pub fn at_ms(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// What one tenant's users ask for, and what its segments remember.
#[derive(Debug, Default)]
pub struct TenantLive {
    accesses: RwLock<HashMap<Access, Arc<LastAccess>>>,
    segments: RwLock<HashMap<Id, Arc<SegmentLive>>>,
}

impl TenantLive {
    /// The last access of something; `None` when it is new and there is no room.
    #[must_use]
    pub fn access(&self, access: &Access) -> Option<Arc<LastAccess>> {
        let known = self.accesses.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = known.get(access) {
            return Some(last.clone());
        }
        drop(known);
        let mut all = self.accesses.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_DEMAND && !all.contains_key(access) {
            return None;
        }
        let never = || Arc::new(LastAccess(AtomicI64::new(i64::MIN)));
        Some(all.entry(access.clone()).or_insert_with(never).clone())
    }

    /// Takes back an access that was forgotten while a board still held it: it is in use again.
    pub fn revive(&self, access: Access, last: Arc<LastAccess>) {
        let mut all = self.accesses.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MAX_DEMAND || all.contains_key(&access) {
            all.insert(access, last);
        }
    }

    /// What is in use now, with the time of the last access.
    #[must_use]
    pub fn in_use(&self, now: Timestamp) -> Vec<(Access, i64)> {
        let oldest = now.as_millisecond() - USED_FOR_MS;
        let all = self.accesses.read().unwrap_or_else(PoisonError::into_inner);
        let times = all.iter().map(|(access, last)| (access.clone(), last.at_ms()));
        times.filter(|(_, at)| *at >= oldest).collect()
    }

    /// Forgets what is no longer used; true if there was anything.
    pub fn forget_unused(&self, now: Timestamp) -> bool {
        let oldest = now.as_millisecond() - USED_FOR_MS;
        let mut all = self.accesses.write().unwrap_or_else(PoisonError::into_inner);
        let before = all.len();
        all.retain(|_, last| last.at_ms() >= oldest);
        all.len() != before
    }

    /// What a segment remembers.
    #[must_use]
    pub fn segment(&self, id: &Id) -> Arc<SegmentLive> {
        let mut all = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(id.clone()).or_default().clone()
    }

    /// Forgets segments that the configuration no longer has.
    pub fn retain_segments(&self, keep: impl Fn(&Id) -> bool) {
        let mut all = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|id, _| keep(id));
    }
}

/// Until when groups of lower priority go on serving beside each priority.
#[derive(Debug, Default)]
pub struct SegmentLive {
    spill_until_ms: [AtomicI64; PRIORITIES],
}

impl SegmentLive {
    /// Until when the priorities below this one serve too, milliseconds.
    #[must_use]
    pub fn spill_until_ms(&self, priority: u8) -> i64 {
        self.spill_until_ms.get(usize::from(priority)).map_or(0, |until| until.load(Relaxed))
    }

    /// Sets it.
    pub fn spill(&self, priority: u8, until_ms: i64) {
        if let Some(slot) = self.spill_until_ms.get(usize::from(priority)) {
            slot.store(until_ms, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{at_ms, id};

    fn access(host: &str) -> Access {
        Access {
            segment: id("wiki"),
            host: Host::parse(host).unwrap(),
            port: 443,
            protocol: Protocol::Tcp,
        }
    }

    #[test]
    fn an_application_is_in_use_for_30_minutes_after_the_last_question() {
        let live = TenantLive::default();
        let last = live.access(&access("a")).unwrap();
        assert!(last.touch(at_ms(0)), "the first access is news");
        assert!(!last.touch(at_ms(1_000)));
        assert_eq!(live.in_use(at_ms(1_000 + USED_FOR_MS)).len(), 1);
        assert!(live.in_use(at_ms(1_001 + USED_FOR_MS)).is_empty());
        assert!(live.forget_unused(at_ms(1_001 + USED_FOR_MS)));
        assert!(!live.forget_unused(at_ms(1_001 + USED_FOR_MS)));
    }

    #[test]
    fn made_up_names_do_not_fill_the_memory() {
        let live = TenantLive::default();
        for n in 0..MAX_DEMAND {
            assert!(live.access(&access(&format!("n{n}.corp"))).is_some());
        }
        assert!(live.access(&access("one-more.corp")).is_none());
        assert!(live.access(&access("n5.corp")).is_some());
    }
}
