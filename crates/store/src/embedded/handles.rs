//! What is published, and the handles that are told.
//!
//! Owns the published revision and the list of open handles, each with its feed. What always holds: a commit can be read
//! before it is in a feed, and is in every feed before its caller hears of it, but for a feed that is paused; a handle that
//! joins between two commits, or goes on after a pause, misses none after the revision at which its feed begins.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use crate::{feed::Feed, log::LoggedCommit, revision::Revision};

/// One open handle.
struct Handle {
    number: u64,
    /// None until it follows.
    feed: Option<Feed>,
    is_paused: bool,
}

#[derive(Default)]
struct List {
    handles: Vec<Handle>,
    /// How many were ever opened.
    opened: u64,
}

/// The handles of one store.
pub(super) struct Handles {
    /// Written under the lock, read without.
    published: AtomicI64,
    list: Mutex<List>,
}

impl Handles {
    pub(super) fn new(published: Revision) -> Handles {
        Handles { published: AtomicI64::new(published.get()), list: Mutex::default() }
    }

    pub(super) fn published(&self) -> Revision {
        Revision::new(self.published.load(Ordering::SeqCst))
    }

    /// Publishes durable commits, in order, the last of which has this revision.
    pub(super) fn publish(&self, commits: Vec<LoggedCommit>, last: Revision) {
        let commits: Vec<_> = commits.into_iter().map(Arc::new).collect();
        let list = self.list();
        self.published.store(last.get(), Ordering::SeqCst);
        for handle in list.handles.iter().filter(|handle| !handle.is_paused) {
            if let Some(feed) = &handle.feed {
                feed.push(&commits, last);
            }
        }
    }

    /// Counts a handle in, and gives its number.
    pub(super) fn open(&self) -> u64 {
        let mut list = self.list();
        let number = list.opened;
        list.opened += 1;
        list.handles.push(Handle { number, feed: None, is_paused: false });
        number
    }

    /// Whether there is more than one.
    pub(super) fn is_shared(&self) -> bool {
        self.list().handles.len() > 1
    }

    /// Feeds a handle from now on.
    pub(super) fn follow(&self, number: u64, feed: Feed, oldest: Revision) {
        let mut list = self.list();
        if let Some(handle) = list.find(number) {
            let published = self.published();
            // Revisions are dense here.
            let known = (oldest.get()..published.get()).map(|number| Revision::new(number + 1));
            feed.begin(oldest, known, published);
            handle.feed = Some(feed);
        }
    }

    /// Lets a handle hear nothing, or hear again: from now on, without what it missed.
    pub(super) fn pause(&self, number: u64, is_paused: bool) {
        let mut list = self.list();
        if let Some(handle) = list.find(number) {
            handle.is_paused = is_paused;
            if let Some(feed) = handle.feed.as_ref().filter(|_| !is_paused) {
                feed.skip_to(self.published());
            }
        }
    }

    /// Counts a handle out and ends its feed; says whether it was the last one. A handle that is out already is not.
    pub(super) fn close(&self, number: u64) -> bool {
        let mut list = self.list();
        let was_open = list.find(number).is_some();
        list.handles.retain(|handle| handle.number != number);
        was_open && list.handles.is_empty()
    }

    /// Ends all feeds: nothing will be published any more.
    pub(super) fn end(&self) {
        for handle in &mut self.list().handles {
            handle.feed = None;
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn find(&mut self, number: u64) -> Option<&mut Handle> {
        self.handles.iter_mut().find(|handle| handle.number == number)
    }
}
