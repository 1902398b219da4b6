//! What one handle knows of the store: what it may read, what it has heard, and the latest commits.
//!
//! Owns two marks and the stretch of history that is kept in memory. What always holds:
//! - *readable* is the highest revision that the engine has named to this handle: as the answer to a commit, in a refusal,
//!   in an answer to a read, or by the watch. Reads at [`At::Published`] use it, so a caller reads its own writes, and a
//!   commit that was refused does not return before what refused it can be read;
//! - *heard* is how far the watch has brought every commit. Streams go by it. It is never beyond readable;
//! - neither mark goes back;
//! - a watcher that keeps up is served from memory: the engine is followed once for the whole handle.
//!
//! ## Design notes
//! A commit moves readable from the engine's own answer and does not wait for the watch, because a watch that is late by a
//! second would make every write late by a second. So the two marks differ while the watch lags, and must be two: a read
//! at heard would show a caller the state before its own write, and a stream that went by readable would pass over commits
//! that it has not been given.
//!
//! The engine pushes into a [`Feed`]. The embedded one does so in the writer's thread before it answers, so on a store with
//! one handle the marks never differ and a watcher is woken without a task in between; the price is that pushing must stay
//! what it is, a few words under a lock. An engine with a connection of its own pushes from the task that reads it.
//!
//! How far history reaches back is known here only as the engine said last: another handle may have compacted since. A read
//! that the engine refuses as compacted is the truth, and is noted.

mod recent;
mod tally;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::{sync::watch, time::timeout};

use crate::{
    engine::{Engine, LogPage, LoggedCommit, ReadAt, ScanRange, Transaction, TransactionError},
    key::Key,
    read::{At, ReadError, Row, ScanPage},
    revision::Revision,
    stats::StoreStats,
};
use recent::Recent;
use tally::Tally;

/// Longest wait for a revision that another handle named: 2 s. A watch that is well is late by milliseconds, and one that
/// was cut off and comes back by about a second; who waits longer is better told, and tries again.
pub const MAX_ARRIVAL_WAIT: Duration = Duration::from_secs(2);

/// What the engine's pushes and the handle's own calls share.
struct Local {
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
    fn raise(&self, to: Revision) {
        // Nearly always it is there already, and looking is cheaper than writing.
        if *self.readable.borrow() < to {
            self.readable.send_if_modified(|readable| raise(readable, to));
        }
    }

    fn trimmed(&self, oldest: Revision) {
        self.oldest.fetch_max(oldest.get(), Ordering::SeqCst);
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

/// An engine as one handle sees it.
pub(crate) struct View {
    engine: Arc<dyn Engine>,
    local: Arc<Local>,
    heard: watch::Receiver<Revision>,
}

impl View {
    /// A view that follows the engine from now on, of a store that keeps at most so many commits of history.
    pub(crate) fn of(engine: Arc<dyn Engine>, max_commits: u32) -> View {
        let (heard, heard_rx) = watch::channel(Revision::ZERO);
        let local = Arc::new(Local {
            readable: watch::Sender::new(Revision::ZERO),
            oldest: AtomicI64::new(Revision::ZERO.get()),
            history: Mutex::new(History {
                recent: Recent::default(),
                tally: Tally::new(max_commits),
            }),
            counted: Arc::default(),
        });
        engine.follow(Feed { local: Arc::clone(&local), heard });
        View { engine, local, heard: heard_rx }
    }

    /// The engine, for what does not depend on a view.
    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// The highest revision that this handle knows to be committed.
    pub(crate) fn readable(&self) -> Revision {
        *self.local.readable.borrow()
    }

    /// Waits until a revision is readable, but not for ever.
    pub(crate) async fn wait_readable(&self, revision: Revision) -> Result<(), ReadError> {
        if self.readable() >= revision {
            return Ok(());
        }
        let mut readable = self.local.readable.subscribe();
        let arrives = readable.wait_for(|readable| *readable >= revision);
        match timeout(MAX_ARRIVAL_WAIT, arrives).await {
            Ok(Ok(_)) => Ok(()),
            // The sender is this view's own, so only the time can be over.
            Ok(Err(_)) | Err(_) => Err(ReadError::Future { published: self.readable() }),
        }
    }

    /// How far the watch has come, to be read and waited for. Its sender goes away when the engine is closed.
    pub(crate) fn heard(&self) -> watch::Receiver<Revision> {
        self.heard.clone()
    }

    /// The oldest revision that can be read, as far as this handle knows.
    pub(crate) fn oldest(&self) -> Revision {
        Revision::new(self.local.oldest.load(Ordering::SeqCst))
    }

    /// How many commits were heard of, to be looked at.
    pub(crate) fn counted(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.local.counted)
    }

    /// The oldest revision that is worth keeping by the number of commits after it, as far as they were counted here.
    pub(crate) fn oldest_kept(&self) -> Revision {
        self.local.history().tally.oldest_kept()
    }

    pub(crate) fn stats(&self) -> StoreStats {
        let heard = *self.heard.borrow();
        self.engine.counters().stats(self.readable(), heard, self.oldest())
    }

    /// As [`Engine::commit`]; when it returns, what it answers can be read here, and so can what it was refused for.
    pub(crate) async fn commit(
        &self,
        transaction: Transaction,
    ) -> Result<Revision, TransactionError> {
        let answer = self.engine.commit(transaction).await;
        match &answer {
            Ok(revision) | Err(TransactionError::Precondition { at: revision, .. }) => {
                self.local.raise(*revision);
            }
            Err(_) => {}
        }
        answer
    }

    pub(crate) async fn get(&self, key: &Key, at: At) -> Result<Option<Row>, ReadError> {
        let lookup = self.read(at, |at| self.engine.get(key, at)).await?;
        self.local.raise(lookup.revision);
        Ok(lookup.row)
    }

    pub(crate) async fn scan(&self, range: ScanRange, at: At) -> Result<ScanPage, ReadError> {
        let page = self.read(at, |at| self.engine.scan(range.clone(), at)).await?;
        self.local.raise(page.revision);
        Ok(page)
    }

    /// Others may have compacted beyond what is readable here. Then the latest is read, which is what was asked for anyway.
    async fn read<'a, T>(
        &self,
        at: At,
        read: impl Fn(ReadAt) -> BoxFuture<'a, Result<T, ReadError>>,
    ) -> Result<T, ReadError> {
        let found = match at {
            At::Latest => read(ReadAt::Latest).await,
            At::Revision(revision) => read(ReadAt::Revision(revision)).await,
            At::Published => match read(ReadAt::Revision(self.readable())).await {
                Err(ReadError::Compacted { .. }) => read(ReadAt::Latest).await,
                found => found,
            },
        };
        self.noted(found)
    }

    /// Reads history after a revision, up to one that was heard: from memory if it is there.
    pub(crate) async fn log(&self, after: Revision, until: Revision) -> Result<LogPage, ReadError> {
        let oldest = self.oldest();
        if after < oldest {
            return Err(ReadError::Compacted { oldest });
        }
        let recent = self.local.history().recent.page(after, until);
        match recent {
            Some(page) => Ok(page),
            None => self.noted(self.engine.log(after, until).await),
        }
    }

    /// As [`Engine::compact`].
    pub(crate) async fn compact(&self, to: Revision) -> Result<(), TransactionError> {
        self.local.trimmed(self.engine.compact(to).await?);
        Ok(())
    }

    fn noted<T>(&self, found: Result<T, ReadError>) -> Result<T, ReadError> {
        if let Err(ReadError::Compacted { oldest }) = &found {
            self.local.trimmed(*oldest);
        }
        found
    }
}

#[cfg(test)]
mod tests;
