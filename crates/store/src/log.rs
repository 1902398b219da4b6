//! What commits changed, as engines give it.
//!
//! Absent on purpose: where it is kept, and how long; an engine and its log, or `feed` in memory.

use std::sync::Arc;

use bytes::Bytes;

use crate::{key::Key, revision::Revision};

/// One object's change within a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The object.
    pub key: Key,
    /// Its value before, if it existed.
    pub before: Option<Bytes>,
    /// Its value after, if it still exists.
    pub after: Option<Bytes>,
}

/// All changes of one commit. An engine that stores only what changed must be asked for the values before, while the
/// revision before it is still kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoggedCommit {
    /// The commit's revision.
    pub(crate) revision: Revision,
    /// What it changed, in key order.
    pub(crate) changes: Vec<Change>,
}

/// A stretch of history.
#[derive(Clone, Debug)]
pub(crate) struct LogPage {
    /// The commits, in order.
    pub(crate) commits: Vec<Arc<LoggedCommit>>,
    /// History up to here is covered, whether or not commits lie between the last and this.
    pub(crate) through: Revision,
}
