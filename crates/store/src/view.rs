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
//! How far history reaches back is known here only as the engine said last: another handle may have compacted since. A read
//! that the engine refuses as compacted is the truth, and is noted.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::{sync::watch, time::timeout};

use crate::{
    engine::{Engine, ReadAt, ScanRange, Transaction, TransactionError},
    feed::{Feed, Local},
    key::Key,
    log::LogPage,
    read::{At, ReadError, Row, ScanPage},
    revision::Revision,
    stats::StoreStats,
};

/// Longest wait for a revision that another handle named: 2 s. A watch that is well is late by milliseconds, and one that
/// was cut off and comes back by about a second; who waits longer is better told, and tries again.
pub const MAX_ARRIVAL_WAIT: Duration = Duration::from_secs(2);

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
        let local = Arc::new(Local::new(max_commits));
        engine.follow(Feed::new(Arc::clone(&local), heard));
        View { engine, local, heard: heard_rx }
    }

    /// The engine, for what does not depend on a view.
    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// The highest revision that this handle knows to be committed.
    pub(crate) fn readable(&self) -> Revision {
        self.local.readable()
    }

    /// Waits until a revision is readable, but not for ever.
    pub(crate) async fn wait_readable(&self, revision: Revision) -> Result<(), ReadError> {
        if self.readable() >= revision {
            return Ok(());
        }
        match timeout(MAX_ARRIVAL_WAIT, self.local.arrives(revision)).await {
            Ok(true) => Ok(()),
            // The sender is this view's own, so only the time can be over.
            Ok(false) | Err(_) => Err(ReadError::Future { published: self.readable() }),
        }
    }

    /// How far the watch has come, to be read and waited for. Its sender goes away when the engine is closed.
    pub(crate) fn heard(&self) -> watch::Receiver<Revision> {
        self.heard.clone()
    }

    /// The oldest revision that can be read, as far as this handle knows.
    pub(crate) fn oldest(&self) -> Revision {
        self.local.oldest()
    }

    /// How many commits were heard of, to be looked at.
    pub(crate) fn counted(&self) -> Arc<AtomicU64> {
        self.local.counted()
    }

    /// The oldest revision that is worth keeping by the number of commits after it, as far as they were counted here.
    pub(crate) fn oldest_kept(&self) -> Revision {
        self.local.oldest_kept()
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
        let recent = self.local.page(after, until);
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
