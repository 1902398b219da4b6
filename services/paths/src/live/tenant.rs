//! What one tenant's users ask for, and what its segments remember; it outlives snapshots of the configuration.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use jiff::Timestamp;
use names::Id;

use super::memory::SegmentMemory;
use crate::domain::probing::demand::{Access, InUse, USED_FOR_MS};

/// Most hosts and ports that a tenant's demand holds. Beyond it new ones are answered from estimates: a
/// client that asks for made-up names below a wildcard must not make connectors probe them all.
pub const MAX_DEMAND: usize = 10_000;
/// "Not yet", in atomics of times.
const NEVER: i64 = i64::MIN;

/// When something was last asked for.
#[derive(Debug)]
pub struct LastAccess(AtomicI64);

impl LastAccess {
    /// Notes an access; true if the application was not in use before, for one of those who ask at once.
    pub fn touch(&self, now: Timestamp) -> bool {
        let now_ms = now.as_millisecond();
        let before = self.0.swap(now_ms, Relaxed);
        now_ms.saturating_sub(before) > USED_FOR_MS
    }

    fn at_ms(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// What one tenant's users ask for, and what its segments remember.
#[derive(Debug, Default)]
pub struct TenantLive {
    accesses: RwLock<HashMap<Access, Arc<LastAccess>>>,
    memories: RwLock<HashMap<Id, Arc<SegmentMemory>>>,
}

impl TenantLive {
    /// The last access of something; `None` when it is new and there is no place for it.
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
        let never = || Arc::new(LastAccess(AtomicI64::new(NEVER)));
        Some(all.entry(access.clone()).or_insert_with(never).clone())
    }

    /// Puts back an access that was forgotten while a board still held it: it is in use again.
    pub fn revive(&self, access: Access, last: Arc<LastAccess>) {
        let mut all = self.accesses.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MAX_DEMAND || all.contains_key(&access) {
            all.insert(access, last);
        }
    }

    /// What is in use now.
    #[must_use]
    pub fn in_use(&self, now: Timestamp) -> Vec<InUse> {
        let oldest = now.as_millisecond() - USED_FOR_MS;
        let all = self.accesses.read().unwrap_or_else(PoisonError::into_inner);
        let used = all
            .iter()
            .map(|(access, last)| InUse { access: access.clone(), last_ms: last.at_ms() });
        used.filter(|used| used.last_ms >= oldest).collect()
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
    pub fn segment(&self, id: &Id) -> Arc<SegmentMemory> {
        let mut all = self.memories.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(id.clone()).or_default().clone()
    }

    /// Forgets segments that the configuration no longer has.
    pub fn retain_segments(&self, keep: impl Fn(&Id) -> bool) {
        let mut all = self.memories.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|id, _| keep(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        configuration::Protocol,
        matching::host::Host,
        testing::{at_ms, id},
    };

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
