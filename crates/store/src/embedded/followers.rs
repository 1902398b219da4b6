//! What is published, and the handles that are told.
//!
//! Owns the published revision and one feed for each handle. What always holds: a commit is in every feed before anybody
//! else hears of its revision from here, and it can be read before it is in a feed; a handle that joins between two commits
//! misses none after the revision at which its feed begins.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use crate::{engine::LoggedCommit, revision::Revision, view::Feed};

/// The handles of one store.
pub(super) struct Followers {
    /// Written under the lock, read without.
    published: AtomicI64,
    feeds: Mutex<Vec<Feed>>,
}

impl Followers {
    pub(super) fn new(published: Revision) -> Followers {
        Followers { published: AtomicI64::new(published.get()), feeds: Mutex::default() }
    }

    pub(super) fn published(&self) -> Revision {
        Revision::new(self.published.load(Ordering::SeqCst))
    }

    /// Publishes durable commits, in order, the last of which has this revision.
    pub(super) fn publish(&self, commits: Vec<LoggedCommit>, last: Revision) {
        let commits: Vec<_> = commits.into_iter().map(Arc::new).collect();
        let feeds = self.feeds();
        self.published.store(last.get(), Ordering::SeqCst);
        for feed in &*feeds {
            feed.push(&commits, last);
        }
    }

    /// Feeds a handle from now on.
    pub(super) fn join(&self, feed: Feed, oldest: Revision) {
        let mut feeds = self.feeds();
        feed.trimmed(oldest);
        feed.skip_to(self.published());
        feeds.push(feed);
    }

    /// Ends all feeds.
    pub(super) fn end(&self) {
        self.feeds().clear();
    }

    fn feeds(&self) -> MutexGuard<'_, Vec<Feed>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
