//! The verbs an engine must have. One engine exists (embedded); a replicated one is to follow, and nothing here or above
//! may need more of an engine than a cluster can give.
//!
//! What always holds, on every engine, and is proven by the conformance suite:
//! - a transaction's preconditions are checked in order and its writes applied together or not
//!   at all, and its acknowledgement means that it is durable;
//! - what is answered, refused, read or fed names a revision that was published, which comes after that sync and never
//!   goes back: whoever hears of a revision can read at it;
//! - what was published can be read until it is compacted, and reads below the compacted revision
//!   are refused, even when the compaction happens while they run;
//! - several handles may be open on one store, in one process or in many. Each is fed what all of them commit, in order.
//!
//! Revisions rise from commit to commit. They may be sparse, and others may use them too (an engine that several services
//! share), so their distance means nothing.
//!
//! Absent on purpose: idempotency, leases, retention, limits, the latest commits in memory and watch filters. They are
//! built from these verbs once, in this crate, so that engines cannot differ in them.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::watch;

use crate::{
    commit::{CommitError, Failed, Precondition, Write},
    feed::Feed,
    health::StoreHealth,
    key::{Key, Prefix},
    log::LogPage,
    read::{ReadError, Row, ScanPage},
    revision::{Epoch, Revision},
    stats::Counters,
};

/// Preconditions and writes, already checked against the limits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transaction {
    /// Checked in this order against the state right before the writes.
    pub(crate) preconditions: Vec<Precondition>,
    /// No key occurs twice.
    pub(crate) writes: Vec<Write>,
}

/// Why an engine did not apply a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TransactionError {
    /// The precondition at this place did not hold.
    Precondition {
        /// Its place, from 0.
        index: usize,
        /// The key that was looked at.
        key: Key,
        /// What was found.
        failed: Failed,
        /// A published revision that shows it.
        at: Revision,
    },
    /// Nothing was written: refused before the attempt.
    Unavailable(String),
    /// Nothing is known: failed in the attempt.
    OutcomeUnknown(String),
    /// Nothing was written: the engine was closed.
    Closed,
}

impl TransactionError {
    /// The caller's view, where `own` preconditions of the store stand before the caller's.
    pub(crate) fn into_commit_error(self, own: usize) -> CommitError {
        match self {
            TransactionError::Precondition { index, key, failed, at: _ } => {
                CommitError::Precondition { index: index.saturating_sub(own), key, failed }
            }
            TransactionError::Unavailable(why) => CommitError::Unavailable(why),
            TransactionError::OutcomeUnknown(why) => CommitError::OutcomeUnknown(why),
            TransactionError::Closed => CommitError::Closed,
        }
    }
}

/// At which revision an engine reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadAt {
    /// At the latest there is, whichever handle committed it: nothing that was acknowledged before the call is missing.
    Latest,
    /// At this one.
    Revision(Revision),
}

/// What was found under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lookup {
    pub(crate) row: Option<Row>,
    /// The revision that was read.
    pub(crate) revision: Revision,
}

/// What a scan reads: a range, a place to begin, and a bound.
#[derive(Clone, Debug)]
pub(crate) struct ScanRange {
    /// All keys of this prefix.
    pub(crate) prefix: Prefix,
    /// Those after this key.
    pub(crate) after: Option<Key>,
    /// At most so many rows.
    pub(crate) limit: usize,
}

/// What an engine does.
pub(crate) trait Engine: Send + Sync + 'static {
    /// The life of the store that this engine opened.
    fn epoch(&self) -> Epoch;

    /// Whether other handles may be open on this store, here or elsewhere.
    fn is_shared(&self) -> bool;

    /// Another handle on the same store, as another replica would have one.
    fn second(&self) -> Arc<dyn Engine>;

    /// Stops feeding this handle, or goes on: from now on, without what was committed meanwhile.
    fn pause(&self, is_paused: bool);

    /// Feeds a view: from the latest revision on, all commits in order. The feed is dropped when the engine is closed, or
    /// ends by itself.
    fn follow(&self, feed: Feed);

    /// Whether commits are taken, and why not.
    fn health(&self) -> watch::Receiver<StoreHealth>;

    /// What was done since opening.
    fn counters(&self) -> &Counters;

    /// Applies a transaction; answers when it is durable and published. A transaction without
    /// writes answers the latest revision.
    fn commit(&self, transaction: Transaction)
    -> BoxFuture<'_, Result<Revision, TransactionError>>;

    /// Reads one object. A revision that was published on any handle can be read on each: where a member of a cluster lacks
    /// it, one that has it is asked, so a refusal as one of the future is the truth about the store.
    fn get<'a>(&'a self, key: &'a Key, at: ReadAt) -> BoxFuture<'a, Result<Lookup, ReadError>>;

    /// Reads objects in key order, fewer than the limit if they would be more than `MAX_SCAN_BYTES`.
    fn scan(&self, range: ScanRange, at: ReadAt) -> BoxFuture<'_, Result<ScanPage, ReadError>>;

    /// Reads published history after a revision and up to another, which was published: a bounded page, at least one
    /// commit if there is one. For what a view no longer has in memory.
    fn log(&self, after: Revision, until: Revision) -> BoxFuture<'_, Result<LogPage, ReadError>>;

    /// Forgets history before `to`, which stays readable itself; never beyond what is published. Gives the oldest revision
    /// that can be read now. Others may do so at any time, too. An engine that several services share forgets for all of
    /// them: whether it may is a setting of its own, and where it may not, this changes nothing.
    fn compact(&self, to: Revision) -> BoxFuture<'_, Result<Revision, TransactionError>>;

    /// Ends this handle: its feed ends, and later calls are refused. The last handle of a process finishes what was
    /// accepted, syncs, and lets go of the storage.
    fn close(&self) -> BoxFuture<'_, ()>;
}
