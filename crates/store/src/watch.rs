//! Watches: a snapshot, its end, then every commit in order, with bookmarks in between.
//!
//! Owns the state of one watcher. What always holds: commits come in order, each once, none is
//! left out after the snapshot's revision; and nothing a watcher does or fails to do reaches the
//! writer.
//!
//! ## Design notes
//! A watcher pulls: it holds the revision it has seen and reads history from there, from the
//! view's memory if it keeps up and else from the engine. So there is no queue per
//! watcher to overflow, a slow watcher costs nothing but its own place, and only compaction can
//! overtake it; then it is told so and must list anew. The price is that each watcher filters
//! the history itself.
//!
//! A snapshot is taken at what is readable, so that it shows what its caller has just written; from there on a watcher
//! goes by what the view has heard.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt, stream};
use tokio::{sync::watch, time::Instant};

pub use crate::log::Change;
use crate::{
    engine::ScanRange,
    key::{Key, Prefix},
    log::LoggedCommit,
    read::{At, ReadError, Row},
    revision::Revision,
    view::View,
};

/// Most rows of one [`WatchItem::SnapshotRows`]; large rows make it fewer, as in any page.
pub const SNAPSHOT_PAGE_ROWS: usize = 256;

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchFrom {
    /// With all rows at the latest revision that is readable here, then what changes after it.
    Snapshot,
    /// With what changed after this revision.
    After(Revision),
}

/// One step of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchItem {
    /// Rows of the snapshot, all at one revision, in key order of each prefix.
    SnapshotRows(Vec<Row>),
    /// The snapshot is complete, and this was its revision.
    SnapshotEnd(Revision),
    /// One commit, with those of its changes that lie in the watched prefixes.
    Commit {
        /// The commit's revision; a watch can resume after it.
        revision: Revision,
        /// Its changes, in key order.
        changes: Vec<Change>,
    },
    /// Nothing watched changed up to this revision; a watch can resume after it. Comes at least
    /// once every bookmark period of silence, so it is a sign of life too.
    Bookmark(Revision),
}

/// Why a watch ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The history that comes next is compacted: begin anew with a snapshot.
    #[error("the watch was overtaken by compaction; the oldest revision is {oldest}")]
    Compacted {
        /// The oldest revision that can be read.
        oldest: Revision,
    },
    /// The store was closed; resume when it is back.
    #[error("the store was closed")]
    Closed,
    /// The store could not be read.
    #[error(transparent)]
    Read(ReadError),
}

impl From<ReadError> for WatchError {
    fn from(error: ReadError) -> WatchError {
        match error {
            ReadError::Compacted { oldest } => WatchError::Compacted { oldest },
            other => WatchError::Read(other),
        }
    }
}

/// The items of one watch. Ends after the first error, and never otherwise.
pub struct WatchStream {
    starts_at: Revision,
    inner: Pin<Box<dyn Stream<Item = Result<WatchItem, WatchError>> + Send>>,
}

impl Stream for WatchStream {
    type Item = Result<WatchItem, WatchError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.poll_next_unpin(context)
    }
}

impl std::fmt::Debug for WatchStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchStream").finish_non_exhaustive()
    }
}

impl WatchStream {
    /// Begins a watch whose starting point was already found readable.
    pub(crate) fn begin(
        view: Arc<View>,
        prefixes: Vec<Prefix>,
        from: WatchFrom,
        bookmark_period: Duration,
    ) -> WatchStream {
        let watcher = Watcher::new(view, prefixes, from, bookmark_period);
        let starts_at = watcher.seen;
        let inner = stream::unfold(Some(watcher), |watcher| async move {
            let mut watcher = watcher?;
            match watcher.next().await {
                Ok(item) => Some((Ok(item), Some(watcher))),
                Err(error) => Some((Err(error), None)),
            }
        });
        WatchStream { starts_at, inner: Box::pin(inner) }
    }

    /// The revision of the snapshot, or the one after which the watch goes on: what is joined to a snapshot's rows is read there.
    #[must_use]
    pub fn starts_at(&self) -> Revision {
        self.starts_at
    }
}

enum Phase {
    /// Still to scan: these prefixes, the first of them after this key.
    Snapshot { left: VecDeque<Prefix>, after: Option<Key> },
    /// Following the log.
    Live,
}

struct Watcher {
    view: Arc<View>,
    heard: watch::Receiver<Revision>,
    prefixes: Vec<Prefix>,
    phase: Phase,
    /// Everything up to here was handed out or is in `ready`; the snapshot's revision before.
    seen: Revision,
    ready: VecDeque<WatchItem>,
    bookmark_period: Duration,
    bookmark_due: Instant,
}

impl Watcher {
    fn new(
        view: Arc<View>,
        prefixes: Vec<Prefix>,
        from: WatchFrom,
        bookmark_period: Duration,
    ) -> Watcher {
        let heard = view.heard();
        let prefixes = without_covered(prefixes);
        let (phase, seen) = match from {
            WatchFrom::Snapshot => {
                let left = prefixes.iter().cloned().collect();
                (Phase::Snapshot { left, after: None }, view.readable())
            }
            WatchFrom::After(revision) => (Phase::Live, revision),
        };
        let bookmark_due = Instant::now() + bookmark_period;
        let ready = VecDeque::new();
        Watcher { view, heard, prefixes, phase, seen, ready, bookmark_period, bookmark_due }
    }

    async fn next(&mut self) -> Result<WatchItem, WatchError> {
        let item = match &self.phase {
            Phase::Snapshot { .. } => self.next_of_snapshot().await?,
            Phase::Live => self.next_of_log().await?,
        };
        self.bookmark_due = Instant::now() + self.bookmark_period;
        Ok(item)
    }

    async fn next_of_snapshot(&mut self) -> Result<WatchItem, WatchError> {
        while let Phase::Snapshot { left, after } = &mut self.phase {
            let Some(prefix) = left.front().cloned() else {
                self.phase = Phase::Live;
                break;
            };
            let range = ScanRange { prefix, after: after.take(), limit: SNAPSHOT_PAGE_ROWS };
            let page = self.view.scan(range, At::Revision(self.seen)).await?;
            if page.more {
                *after = page.rows.last().map(|row| row.key.clone());
            } else {
                left.pop_front();
            }
            if !page.rows.is_empty() {
                return Ok(WatchItem::SnapshotRows(page.rows));
            }
        }
        Ok(WatchItem::SnapshotEnd(self.seen))
    }

    async fn next_of_log(&mut self) -> Result<WatchItem, WatchError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(item);
            }
            if Instant::now() >= self.bookmark_due {
                return Ok(WatchItem::Bookmark(self.seen));
            }
            let heard = *self.heard.borrow_and_update();
            if self.seen < heard {
                self.read_log(heard).await?;
            } else {
                self.wait().await?;
            }
        }
    }

    async fn read_log(&mut self, heard: Revision) -> Result<(), WatchError> {
        let page = self.view.log(self.seen, heard).await?;
        for commit in &page.commits {
            let changes = self.watched(commit);
            if !changes.is_empty() {
                self.ready.push_back(WatchItem::Commit { revision: commit.revision, changes });
            }
        }
        self.seen = page.through;
        Ok(())
    }

    fn watched(&self, commit: &LoggedCommit) -> Vec<Change> {
        let is_watched =
            |change: &&Change| self.prefixes.iter().any(|prefix| prefix.matches(&change.key));
        commit.changes.iter().filter(is_watched).cloned().collect()
    }

    async fn wait(&mut self) -> Result<(), WatchError> {
        tokio::select! {
            changed = self.heard.changed() => changed.map_err(|_| WatchError::Closed),
            () = tokio::time::sleep_until(self.bookmark_due) => Ok(()),
        }
    }
}

/// Drops prefixes that lie within another one, so that a snapshot shows each row once.
fn without_covered(mut prefixes: Vec<Prefix>) -> Vec<Prefix> {
    prefixes.sort();
    let mut kept: Vec<Prefix> = Vec::with_capacity(prefixes.len());
    for prefix in prefixes {
        if !kept.last().is_some_and(|last| last.covers(&prefix)) {
            kept.push(prefix);
        }
    }
    kept
}
