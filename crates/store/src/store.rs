//! The store as services hold it: one handle with all its verbs.

mod backups;
mod requests;

pub use requests::ReplayError;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::{Mutex, watch};

use crate::{
    backup,
    clock::Now,
    commit::{Commit, CommitError, Committed},
    config::{EngineConfig, StoreConfig},
    embedded::{Embedded, OpenError},
    engine::{Engine, ScanRange, Transaction},
    health::StoreHealth,
    holds::Holds,
    key::{Key, Prefix},
    lease::Lease,
    read::{At, MAX_SCAN_ROWS, ReadError, Row, ScanOptions, ScanPage},
    revision::{Epoch, Revision},
    stats::StoreStats,
    upkeep::{self, Upkeep},
    view::View,
    watch::{WatchFrom, WatchStream},
};

/// A revisioned object store. Cheap to clone; all clones are the same store. When the last clone
/// is dropped the store ends as by [`Store::close`], without waiting.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    view: Arc<View>,
    config: StoreConfig,
    now: Now,
    holds: Arc<Holds>,
    /// Locked for a whole pass, so that there is one at a time.
    upkeep: Arc<Mutex<Upkeep>>,
}

impl Store {
    /// Opens the store on the engine that the configuration names. The embedded one creates its directory if there is
    /// none, waits for another process to let go of it, and reads all of it once. `now` tells the time.
    ///
    /// # Errors
    /// See [`OpenError`]; the store is left as it was.
    pub async fn open(
        config: StoreConfig,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Store, OpenError> {
        let EngineConfig::Embedded(embedded) = &config.engine;
        let engine: Arc<dyn Engine> = Arc::new(Embedded::open(embedded).await?);
        let dir = &config.spool_dir;
        backup::prepare(dir).map_err(|source| OpenError::Io { dir: dir.clone(), source })?;
        Ok(Store::on(engine, config, Arc::new(now)))
    }

    /// A store on an engine that was opened; also starts its upkeep.
    fn on(engine: Arc<dyn Engine>, config: StoreConfig, now: Now) -> Store {
        let max_commits = config.retention.max_commits;
        let view = Arc::new(View::of(engine, max_commits));
        let (heard, counted, period) = (view.heard(), view.counted(), config.upkeep_period);
        let holds = Arc::new(Holds::new(Arc::clone(&view), config.monotonic.clone()));
        let upkeep = Upkeep::new(Arc::clone(&view), Arc::clone(&holds), &config);
        let upkeep = Arc::new(Mutex::new(upkeep));
        let (kept, clock) = (Arc::downgrade(&upkeep), Arc::clone(&now));
        tokio::spawn(upkeep::run(kept, clock, heard, counted, period, max_commits));
        Store { inner: Arc::new(Inner { view, config, now, holds, upkeep }) }
    }

    /// Another handle on the same store, as a second replica would have one: with a view, watches and upkeep of its own,
    /// and the first one's settings and clock. Closing one leaves the others open. The embedded engine lends handles inside
    /// its process only; there they are for tests of what replicas do.
    #[must_use]
    pub fn second_handle(&self) -> Store {
        let inner = &self.inner;
        Store::on(inner.view.engine().second(), inner.config.clone(), Arc::clone(&inner.now))
    }

    /// Lets this handle hear nothing of what is committed until [`Store::resume_watch`], as one whose connection is cut
    /// would: for tests of what a late replica does.
    pub fn pause_watch(&self) {
        self.inner.view.engine().pause(true);
    }

    /// Lets this handle hear again. What it missed is read from the engine's log by those who need it.
    pub fn resume_watch(&self) {
        self.inner.view.engine().pause(false);
    }

    /// The life of this store; part of every etag and token.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.inner.view.engine().epoch()
    }

    /// The latest revision that this handle knows to be committed, its own commits included; [`At::Published`] reads it.
    #[must_use]
    pub fn published(&self) -> Revision {
        self.inner.view.readable()
    }

    /// Waits until [`Store::published`] has come to a revision that another handle named (in a token, in a call's headers),
    /// for at most [`MAX_ARRIVAL_WAIT`](crate::MAX_ARRIVAL_WAIT).
    ///
    /// # Errors
    /// [`ReadError::Future`]: it has not come, and the caller may try again.
    pub async fn wait_published(&self, revision: Revision) -> Result<(), ReadError> {
        self.inner.view.wait_readable(revision).await
    }

    /// How far this handle's watch has come, to be read and waited for: what is committed here, and on other handles, is in
    /// its streams up to this revision. Never beyond [`Store::published`].
    #[must_use]
    pub fn heard(&self) -> watch::Receiver<Revision> {
        self.inner.view.heard()
    }

    /// The oldest revision that can be read, as far as this handle knows: where others compact, a read that is refused
    /// knows better.
    #[must_use]
    pub fn oldest(&self) -> Revision {
        self.inner.view.oldest()
    }

    /// What this store has done since it was opened.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.inner.view.stats()
    }

    /// Whether commits are taken, to be read and waited for.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<StoreHealth> {
        self.inner.view.engine().health()
    }

    /// Waits until a write or sync has failed, and says why. What the last commits left is unknown then, and stays so
    /// until the store is opened anew: a service that is nothing without its store ends its process.
    pub async fn failed(&self) -> String {
        let mut health = self.health();
        loop {
            if let StoreHealth::Failed { reason } = &*health.borrow_and_update() {
                return reason.clone();
            }
            if health.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Applies a commit; answers when it is durable and readable here. One that a precondition refuses returns when what
    /// was found instead is readable here, so that who reads again and repeats it never sees the old row. Dropping the
    /// future does not take the commit back.
    ///
    /// # Errors
    /// See [`CommitError`]. All but `OutcomeUnknown` mean that nothing was written.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        commit.check_limits()?;
        let Commit { now, preconditions, writes, idempotency } = commit;
        let transaction = Transaction { preconditions, writes };
        match idempotency {
            Some(idempotency) => self.commit_once(transaction, &idempotency, now).await,
            None => match self.inner.view.commit(transaction).await {
                Ok(revision) => Ok(Committed { revision, replay: None }),
                Err(error) => Err(error.into_commit_error(0)),
            },
        }
    }

    /// Reads one object.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn get(&self, key: &Key, at: At) -> Result<Option<Row>, ReadError> {
        self.inner.view.get(key, at).await
    }

    /// Reads one page of the objects whose keys begin with `prefix`, in key order.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn scan(&self, prefix: &Prefix, options: ScanOptions) -> Result<ScanPage, ReadError> {
        let ScanOptions { after, limit, at } = options;
        let range = ScanRange { prefix: prefix.clone(), after, limit: limit.min(MAX_SCAN_ROWS) };
        self.inner.view.scan(range, at).await
    }

    /// A lease under this name, to be driven by whoever does its work: of all handles on this store one leads. `life` is how
    /// long the work may rest when its holder dies, and several times what a commit takes. Two leases of one name on one
    /// handle are two holders.
    #[must_use]
    pub fn lease(&self, name: &'static str, life: Duration) -> Lease {
        let inner = &self.inner;
        Lease::new(Arc::clone(&inner.view), inner.config.monotonic.clone(), name, life)
    }

    /// Watches the objects whose keys begin with one of the prefixes. A revision to begin after that another handle named is
    /// waited for, as by [`Store::wait_published`].
    ///
    /// # Errors
    /// The revision to begin after is compacted, or did not arrive.
    pub async fn watch(
        &self,
        prefixes: Vec<Prefix>,
        from: WatchFrom,
    ) -> Result<WatchStream, ReadError> {
        let view = Arc::clone(&self.inner.view);
        if let WatchFrom::After(revision) = from {
            let oldest = self.oldest();
            if revision < oldest {
                return Err(ReadError::Compacted { oldest });
            }
            view.wait_readable(revision).await?;
        }
        Ok(WatchStream::begin(view, prefixes, from, self.inner.config.bookmark_period))
    }

    /// One pass of upkeep now: if this handle leads among those of its store, drops expired request records and trims
    /// history by [`Retention`](crate::Retention). Runs by itself every `upkeep_period`; tests call it.
    ///
    /// # Errors
    /// The store takes no writes, or could not be read.
    pub async fn upkeep(&self) -> Result<(), CommitError> {
        self.inner.upkeep.lock().await.pass((self.inner.now)()).await
    }

    /// Forgets history before `to`, as far as no backup under way needs it, on any handle; what the objects are
    /// at `to` and later stays. Upkeep does this by [`Retention`](crate::Retention); calling it is never needed.
    ///
    /// # Errors
    /// The store takes no writes.
    pub async fn compact(&self, to: Revision) -> Result<(), CommitError> {
        let to = self.inner.holds.limit(to).await?;
        let compacted = self.inner.view.compact(to).await;
        compacted.map_err(|error| error.into_commit_error(0))
    }

    /// Finishes the commits that were accepted, syncs, and lets go of the directory, unless another handle has it open.
    /// Watches of this handle end, and later calls are refused.
    pub async fn close(&self) {
        // A pass under way is not waited for.
        if let Ok(mut upkeep) = self.inner.upkeep.try_lock() {
            upkeep.end().await;
        }
        self.inner.view.engine().close().await;
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let revision = self.published();
        f.debug_struct("Store").field("epoch", &self.epoch()).field("revision", &revision).finish()
    }
}
