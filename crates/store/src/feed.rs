//! What an engine has told one handle: two marks, how far history reaches, and the latest commits.
//!
//! Owns: [`Feed`], where an engine puts what it publishes, and [`Local`], what a handle's `view` reads of it. What always holds:
//! neither mark goes back; readable is moved before heard, so what was heard can be read.
//! Absent on purpose: calls to the engine.
//!
//! ## Design notes
//! The engine pushes into a [`Feed`]. The embedded one does so in the writer's thread before it answers, so on a store with
//! one handle the marks never differ and a watcher is woken without a task in between; the price is that pushing must stay
//! what it is, a few words under a lock. An engine with a connection of its own pushes from the task that reads it.

mod recent;
mod tally;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use tokio::sync::watch;

use crate::{
    log::{LogPage, LoggedCommit},
    revision::Revision,
};
use recent::Recent;
use tally::Tally;

/// What the engine's pushes and the handle's own calls share.
pub(crate) struct Local {
    readable: watch::Sender<Revision>,
    oldest: AtomicI64,
    history: Mutex<History>,
    /// As many commits as the tally has counted, for who waits for many.
    counted: Arc<AtomicU64>,
}

/// What the feed brought.
struct History {
    recent: Recent,
    tally: Tally,
}

impl Local {
    /// Nothing yet, of a store that keeps at most so many commits.
    pub(crate) fn new(max_commits: u32) -> Local {
        Local {
            readable: watch::Sender::new(Revision::ZERO),
            oldest: AtomicI64::new(Revision::ZERO.get()),
            history: Mutex::new(History {
                recent: Recent::default(),
                tally: Tally::new(max_commits),
            }),
            counted: Arc::default(),
        }
    }

    /// The highest revision that is known to be committed.
    pub(crate) fn readable(&self) -> Revision {
        *self.readable.borrow()
    }

    /// Waits until a revision is readable; `false` if that cannot come.
    pub(crate) async fn arrives(&self, revision: Revision) -> bool {
        self.readable.subscribe().wait_for(|readable| *readable >= revision).await.is_ok()
    }

    /// Notes a revision that the engine named.
    pub(crate) fn raise(&self, to: Revision) {
        // Nearly always it is there already, and looking is cheaper than writing.
        if *self.readable.borrow() < to {
            self.readable.send_if_modified(|readable| raise(readable, to));
        }
    }

    /// The oldest revision that can be read, as far as is known.
    pub(crate) fn oldest(&self) -> Revision {
        Revision::new(self.oldest.load(Ordering::SeqCst))
    }

    /// Notes that history before this is gone.
    pub(crate) fn trimmed(&self, oldest: Revision) {
        self.oldest.fetch_max(oldest.get(), Ordering::SeqCst);
    }

    /// How many commits were heard of, to be looked at.
    pub(crate) fn counted(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.counted)
    }

    /// The oldest revision that is worth keeping by the number of commits after it, as far as they were counted.
    pub(crate) fn oldest_kept(&self) -> Revision {
        self.history().tally.oldest_kept()
    }

    /// A page of the latest commits; nothing if they are not all in memory.
    pub(crate) fn page(&self, after: Revision, until: Revision) -> Option<LogPage> {
        self.history().recent.page(after, until)
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn raise(mark: &mut Revision, to: Revision) -> bool {
    let moves = *mark < to;
    if moves {
        *mark = to;
    }
    moves
}

/// Where an engine puts what it publishes. Dropping it says that nothing will come any more.
pub(crate) struct Feed {
    local: Arc<Local>,
    heard: watch::Sender<Revision>,
}

impl Feed {
    /// A feed into what a handle knows.
    pub(crate) fn new(local: Arc<Local>, heard: watch::Sender<Revision>) -> Feed {
        Feed { local, heard }
    }

    /// The first call: history reaches back to `oldest`, and of the commits from there to `through`, which do not come this
    /// way, the engine knows these revisions without reading.
    pub(crate) fn begin(
        &self,
        oldest: Revision,
        known: impl Iterator<Item = Revision>,
        through: Revision,
    ) {
        let mut history = self.local.history();
        history.tally.begin(oldest);
        known.for_each(|commit| history.tally.count(commit));
        self.local.counted.store(history.tally.counted(), Ordering::SeqCst);
        drop(history);
        self.local.trimmed(oldest);
        self.skip_to(through);
    }

    /// The latest commits, in order; these are all there are up to `through`. What was brought before is passed over. Does
    /// not wait.
    pub(crate) fn push(&self, commits: &[Arc<LoggedCommit>], through: Revision) {
        let mut history = self.local.history();
        let new = history.recent.extend(commits, through);
        new.iter().for_each(|commit| history.tally.count(commit.revision));
        self.local.counted.store(history.tally.counted(), Ordering::SeqCst);
        drop(history);
        self.hear(through);
    }

    /// What was committed up to `through` does not come this way, and is not counted: whoever misses it reads the engine's
    /// log.
    pub(crate) fn skip_to(&self, through: Revision) {
        self.local.history().recent.restart(through);
        self.hear(through);
    }

    /// Readable first: what was heard can be read.
    fn hear(&self, through: Revision) {
        self.local.raise(through);
        self.heard.send_if_modified(|heard| raise(heard, through));
    }
}
