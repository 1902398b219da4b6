//! The embedded engine as the rest of the crate sees it: one of the handles on a core.
//!
//! What always holds: a handle that was closed refuses everything, and its feed has ended; the core is closed with its last
//! handle, so handles come and go as replicas do. Health is the core's: who asked for it before a handle was closed goes on
//! being told about the core while others have it open. Absent on purpose: a handle in another process, which the directory's lock
//! keeps out.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::{FutureExt, future::BoxFuture};
use tokio::sync::watch;

use super::{core::Core, open::OpenError, rows, writer::Job};
use crate::{
    config::EmbeddedConfig,
    engine::{Engine, Lookup, ReadAt, ScanRange, Transaction, TransactionError},
    feed::Feed,
    health::StoreHealth,
    key::Key,
    log::LogPage,
    read::{ReadError, ScanPage},
    revision::{Epoch, Revision},
    stats::Counters,
};

/// One handle on a store in a directory.
pub(crate) struct Embedded {
    core: Arc<Core>,
    number: u64,
    is_open: AtomicBool,
}

impl Embedded {
    /// Opens the directory and starts the writer and its watchdog.
    pub(crate) async fn open(config: &EmbeddedConfig) -> Result<Embedded, OpenError> {
        Ok(Embedded::on(Arc::new(Core::open(config).await?)))
    }

    fn on(core: Arc<Core>) -> Embedded {
        let number = core.shared.handles.open();
        Embedded { core, number, is_open: AtomicBool::new(true) }
    }

    fn is_open(&self) -> bool {
        self.is_open.load(Ordering::SeqCst)
    }

    /// The core, to be written to.
    fn writable(&self) -> Result<&Core, TransactionError> {
        if self.is_open() { Ok(&self.core) } else { Err(TransactionError::Closed) }
    }

    /// The core, to be read.
    fn readable(&self) -> Result<&Core, ReadError> {
        if self.is_open() { Ok(&self.core) } else { Err(ReadError::closed()) }
    }
}

impl Engine for Embedded {
    fn epoch(&self) -> Epoch {
        self.core.epoch
    }

    fn is_shared(&self) -> bool {
        self.core.shared.handles.is_shared()
    }

    fn second(&self) -> Arc<dyn Engine> {
        Arc::new(Embedded::on(Arc::clone(&self.core)))
    }

    fn follow(&self, feed: Feed) {
        let shared = &self.core.shared;
        shared.handles.follow(self.number, feed, shared.oldest());
    }

    fn pause(&self, is_paused: bool) {
        self.core.shared.handles.pause(self.number, is_paused);
    }

    fn health(&self) -> watch::Receiver<StoreHealth> {
        if self.is_open() {
            self.core.health.clone()
        } else {
            // The others' health is not that of a handle that is closed.
            watch::channel(StoreHealth::Closed).1
        }
    }

    fn counters(&self) -> &Counters {
        &self.core.shared.counters
    }

    fn commit(
        &self,
        transaction: Transaction,
    ) -> BoxFuture<'_, Result<Revision, TransactionError>> {
        let commit = async move {
            let core = self.writable()?;
            core.ask(move |answer| Job::Commit { transaction, answer }).await
        };
        commit.boxed()
    }

    fn get<'a>(&'a self, key: &'a Key, at: ReadAt) -> BoxFuture<'a, Result<Lookup, ReadError>> {
        let get = async move {
            let found = self.readable()?.read(at, |db, at| rows::row_at(db, key, at));
            found.map(|(row, revision)| Lookup { row, revision })
        };
        get.boxed()
    }

    fn scan(&self, range: ScanRange, at: ReadAt) -> BoxFuture<'_, Result<ScanPage, ReadError>> {
        let scan = async move {
            let found = self.readable()?.read(at, |db, at| rows::scan(db, &range, at));
            found.map(|((rows, more), revision)| ScanPage { rows, revision, more })
        };
        scan.boxed()
    }

    fn log(&self, after: Revision, until: Revision) -> BoxFuture<'_, Result<LogPage, ReadError>> {
        async move { self.readable()?.log(after, until) }.boxed()
    }

    fn compact(&self, to: Revision) -> BoxFuture<'_, Result<Revision, TransactionError>> {
        async move { self.writable()?.compact(to).await }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let close = async move {
            self.is_open.store(false, Ordering::SeqCst);
            if self.core.shared.handles.close(self.number) {
                self.core.close().await;
            }
        };
        close.boxed()
    }
}

impl Drop for Embedded {
    /// A handle that was not closed is no longer counted; the core ends when the last one lets go of it.
    fn drop(&mut self) {
        self.core.shared.handles.close(self.number);
    }
}
