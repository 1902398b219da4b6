//! What followers count.
//!
//! Always holds: labels come from closed lists: the services that a process hosts, and the siblings that they follow.

use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use crate::metrics::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Follower {
    service: &'static str,
    source: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Snapshot {
    service: &'static str,
    source: &'static str,
    outcome: &'static str,
}

/// The families of all followers of a process; clones share them.
#[derive(Clone, Debug, Default)]
pub struct FollowMetrics {
    heard: Family<Follower, Gauge>,
    failed_applies: Family<Follower, Counter>,
    snapshots: Family<Snapshot, Counter>,
    shrunk: Family<Follower, Gauge>,
}

/// The metrics of one follower.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    families: FollowMetrics,
    of: Follower,
}

impl FollowMetrics {
    /// Registers them; once in a process.
    #[must_use]
    pub fn register(registry: &Registry) -> Self {
        let metrics = Self::default();
        registry.register(|registry| {
            let help = "When what a sibling told was last known to be applied, seconds since 1970; missing before the first time";
            registry.register("follower_current_timestamp_seconds", help, metrics.heard.clone());
            let help = "Attempts to apply what a sibling told that failed; they are repeated, then everything is read again";
            registry.register("follower_failed_applies", help, metrics.failed_applies.clone());
            let help = "Snapshots of a sibling by outcome: taken or refused";
            registry.register("follower_snapshots", help, metrics.snapshots.clone());
            let help = "1 while a snapshot of a sibling is refused (SNAPSHOT_SHRUNK) and waits for AcceptSnapshot";
            registry.register("follower_snapshot_shrunk", help, metrics.shrunk.clone());
        });
        metrics
    }

    pub(super) fn of(&self, service: &'static str, source: &'static str) -> Counts {
        Counts { families: self.clone(), of: Follower { service, source } }
    }
}

impl Counts {
    pub(super) fn current(&self, now: Timestamp) {
        self.families.heard.get_or_create(&self.of).set(now.as_second());
    }

    pub(super) fn failed_apply(&self) {
        self.families.failed_applies.get_or_create(&self.of).inc();
    }

    pub(super) fn snapshot(&self, outcome: &'static str) {
        let Follower { service, source } = self.of;
        self.families.snapshots.get_or_create(&Snapshot { service, source, outcome }).inc();
    }

    pub(super) fn shrunk(&self, is_refused: bool) {
        self.families.shrunk.get_or_create(&self.of).set(i64::from(is_refused));
    }
}
