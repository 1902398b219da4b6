//! What readers and the writer of an open directory share.
//!
//! What always holds: sled is let go of before the lock, so that who gets the lock finds sled free.

use std::{
    fs::File,
    sync::{
        Mutex, PoisonError, RwLock, Weak,
        atomic::{AtomicI64, Ordering},
    },
    thread,
};

use super::handles::Handles;
use crate::{read::ReadError, revision::Revision, stats::Counters};

/// What readers and the writer share.
pub(super) struct Shared {
    /// Gone after closing. Declared before the lock, so that sled lets go first.
    db: RwLock<Option<sled::Db>>,
    lock: Mutex<Option<File>>,
    oldest: AtomicI64,
    pub(super) handles: Handles,
    pub(super) counters: Counters,
}

impl Shared {
    pub(super) fn new(db: sled::Db, lock: File, oldest: Revision, last: Revision) -> Shared {
        Shared {
            db: RwLock::new(Some(db)),
            lock: Mutex::new(Some(lock)),
            oldest: AtomicI64::new(oldest.get()),
            handles: Handles::new(last),
            counters: Counters::default(),
        }
    }

    pub(super) fn oldest(&self) -> Revision {
        Revision::new(self.oldest.load(Ordering::SeqCst))
    }

    pub(super) fn set_oldest(&self, oldest: Revision) {
        self.oldest.store(oldest.get(), Ordering::SeqCst);
    }

    pub(super) fn db(&self) -> Result<sled::Db, ReadError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        db.clone().ok_or_else(ReadError::closed)
    }

    pub(super) fn check_kept(&self, at: Revision) -> Result<(), ReadError> {
        let oldest = self.oldest();
        if at < oldest { Err(ReadError::Compacted { oldest }) } else { Ok(()) }
    }

    pub(super) fn let_go(&self) {
        *self.db.write().unwrap_or_else(PoisonError::into_inner) = None;
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Wakes a flush that sleeps though the disk failed; see [`watchdog`](super::watchdog). On a disk that hangs this flush hangs as well,
/// so it has a thread of its own.
pub(super) fn waker(shared: Weak<Shared>) -> impl Fn() {
    move || {
        let Some(Ok(db)) = shared.upgrade().map(|shared| shared.db()) else { return };
        let flush = move || {
            // The writer hears of the same failure and tells it.
            let _ = db.flush();
        };
        let thread = thread::Builder::new().name("store-waker".to_owned());
        if let Err(error) = thread.spawn(flush) {
            tracing::warn!(%error, "a commit that hangs could not be woken");
        }
    }
}
