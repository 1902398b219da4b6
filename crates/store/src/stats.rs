//! Counters of one store, for whoever exports metrics.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::revision::Revision;

/// What a store has done since it was opened. Counters only rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Commits that took place.
    pub commits: u64,
    /// Commits refused by a precondition.
    pub conflicts: u64,
    /// Durable syncs; `commits / syncs` is how many share one.
    pub syncs: u64,
    /// Time spent in applying and syncing, in all.
    pub sync_time: Duration,
    /// The latest revision that can be read.
    pub published: Revision,
    /// How far this handle's watch has come. Behind `published` by what it is late; on an engine that others use too, also
    /// while nothing is committed here.
    pub heard: Revision,
    /// The oldest revision that can be read, as far as this handle knows.
    pub oldest: Revision,
}

/// Counters as an engine keeps them.
#[derive(Default)]
pub(crate) struct Counters {
    commits: AtomicU64,
    conflicts: AtomicU64,
    syncs: AtomicU64,
    sync_nanos: AtomicU64,
}

impl Counters {
    /// One group was made durable.
    pub(crate) fn synced(&self, commits: usize, took: Duration) {
        self.commits.fetch_add(commits as u64, Ordering::Relaxed);
        self.syncs.fetch_add(1, Ordering::Relaxed);
        // Wraps after 584 years of syncing.
        self.sync_nanos.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Commits were refused by a precondition.
    pub(crate) fn refused(&self, conflicts: usize) {
        self.conflicts.fetch_add(conflicts as u64, Ordering::Relaxed);
    }

    /// The counters now, with the revisions that a handle knows.
    pub(crate) fn stats(
        &self,
        published: Revision,
        heard: Revision,
        oldest: Revision,
    ) -> StoreStats {
        StoreStats {
            commits: self.commits.load(Ordering::Relaxed),
            conflicts: self.conflicts.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
            sync_time: Duration::from_nanos(self.sync_nanos.load(Ordering::Relaxed)),
            published,
            heard,
            oldest,
        }
    }
}
