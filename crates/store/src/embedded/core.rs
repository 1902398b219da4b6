//! sled in a directory of its own, with its writer: what all handles of one store share.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError, RwLock, Weak,
        atomic::{AtomicI64, Ordering},
    },
    thread,
};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    disk::Disk,
    handles::Handles,
    history,
    open::{self, OpenError, panic_text},
    watchdog::{self, Pulse},
    writer::{Job, QUEUE, Writer},
};
use crate::{
    config::EmbeddedConfig,
    engine::{LogPage, ReadAt, TransactionError},
    health::StoreHealth,
    read::ReadError,
    revision::{Epoch, Revision},
    stats::Counters,
};

/// Most commits of one page of history read from disk.
const LOG_PAGE_COMMITS: usize = 256;

/// Changes after which a page of history read from disk ends.
const LOG_PAGE_CHANGES: usize = 1024;

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
    pub(super) fn oldest(&self) -> Revision {
        Revision::new(self.oldest.load(Ordering::SeqCst))
    }

    pub(super) fn set_oldest(&self, oldest: Revision) {
        self.oldest.store(oldest.get(), Ordering::SeqCst);
    }

    fn db(&self) -> Result<sled::Db, ReadError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        db.clone().ok_or_else(ReadError::closed)
    }

    fn check_kept(&self, at: Revision) -> Result<(), ReadError> {
        let oldest = self.oldest();
        if at < oldest { Err(ReadError::Compacted { oldest }) } else { Ok(()) }
    }

    fn let_go(&self) {
        *self.db.write().unwrap_or_else(PoisonError::into_inner) = None;
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Wakes a flush that sleeps though the disk failed; see [`watchdog`]. On a disk that hangs this flush hangs as well,
/// so it has a thread of its own.
fn waker(shared: Weak<Shared>) -> impl Fn() {
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

/// An open directory.
pub(super) struct Core {
    pub(super) epoch: Epoch,
    pub(super) shared: Arc<Shared>,
    pub(super) health: watch::Receiver<StoreHealth>,
    /// Gone after closing.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    /// Resolves when the writer has ended.
    writer_ended: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Core {
    /// Opens the directory and starts the writer and its watchdog.
    pub(super) async fn open(config: &EmbeddedConfig) -> Result<Core, OpenError> {
        let opened = open::open(config.clone()).await?;
        let io_error = |source| OpenError::Io { dir: config.dir.clone(), source };
        let disk = Disk::open(&config.dir, config.reserve_bytes).map_err(io_error)?;
        let (health, health_rx) = watch::channel(disk.health());
        let shared = Arc::new(Shared {
            db: RwLock::new(Some(opened.db.clone())),
            lock: Mutex::new(Some(opened.lock)),
            oldest: AtomicI64::new(opened.oldest.get()),
            handles: Handles::new(opened.last),
            counters: Counters::default(),
        });
        let pulse = Arc::new(Pulse::default());
        let policy = config.on_stuck.clone();
        let wake = waker(Arc::downgrade(&shared));
        watchdog::start(&pulse, health.clone(), config.commit_watchdog, wake, policy)
            .map_err(io_error)?;
        let writer = Writer {
            db: opened.db,
            disk,
            mark: opened.mark,
            shared: Arc::clone(&shared),
            health,
            pulse,
        };
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (ended, writer_ended) = oneshot::channel();
        let thread = thread::Builder::new().name("store-writer".to_owned());
        let told = Arc::clone(&shared);
        let body = move || {
            let health = writer.health.clone();
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| writer.run(queue))) {
                let reason = format!("the writer ended: {}", panic_text(&*panic));
                tracing::error!(reason, "the store stops taking commits");
                health.send_replace(StoreHealth::Failed { reason });
            }
            told.handles.end();
            drop(told);
            // Nobody may be waiting for the end.
            let _ = ended.send(());
        };
        thread.spawn(body).map_err(io_error)?;
        Ok(Core {
            epoch: opened.epoch,
            shared,
            health: health_rx,
            jobs: Mutex::new(Some(jobs)),
            writer_ended: Mutex::new(Some(writer_ended)),
        })
    }

    /// Asks the writer, and waits for its answer.
    pub(super) async fn ask(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<Revision, TransactionError>>) -> Job,
    ) -> Result<Revision, TransactionError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let jobs = jobs.ok_or(TransactionError::Closed)?;
        let (answer, answered) = oneshot::channel();
        jobs.send(job(answer)).await.map_err(|_| TransactionError::Closed)?;
        drop(jobs);
        answered.await.unwrap_or_else(|_| {
            Err(TransactionError::OutcomeUnknown("the writer ended".to_owned()))
        })
    }

    /// Reads with the certainty that the revision was published before and kept until after. Gives it, too.
    pub(super) fn read<T>(
        &self,
        at: ReadAt,
        read: impl Fn(&sled::Db, Revision) -> Result<T, ReadError>,
    ) -> Result<(T, Revision), ReadError> {
        loop {
            let published = self.shared.handles.published();
            let revision = match at {
                ReadAt::Latest => published,
                ReadAt::Revision(revision) if revision > published => {
                    return Err(ReadError::Future { published });
                }
                ReadAt::Revision(revision) => revision,
            };
            match self.read_kept(revision, |db| read(db, revision)) {
                // Overtaken by a commit and a compaction: what is latest now is another one.
                Err(ReadError::Compacted { .. }) if at == ReadAt::Latest => {}
                found => return found.map(|found| (found, revision)),
            }
        }
    }

    fn read_kept<T>(
        &self,
        at: Revision,
        read: impl FnOnce(&sled::Db) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        self.shared.check_kept(at)?;
        let found = read(&self.shared.db()?);
        // Compaction may have taken rows away under the read; what it found counts only if the
        // revision is still kept.
        self.shared.check_kept(at)?;
        found
    }
    /// Published history after a revision and up to another, as much as one page holds.
    pub(super) fn log(&self, after: Revision, until: Revision) -> Result<LogPage, ReadError> {
        self.read_kept(after, |db| log_from_disk(db, after, until))
    }

    /// Forgets history before `to`, a step at a time, so that commits are let through in between.
    pub(super) async fn compact(&self, to: Revision) -> Result<Revision, TransactionError> {
        let to = to.min(self.shared.handles.published());
        loop {
            let oldest = self.ask(|answer| Job::Compact { to, answer }).await?;
            if oldest >= to {
                return Ok(oldest);
            }
        }
    }

    /// Lets the writer finish what was accepted, and lets go of the directory.
    pub(super) async fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = self.writer_ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = ended {
            // An error means that the thread is gone, which is what is waited for.
            let _ = ended.await;
        }
        self.shared.let_go();
    }
}

fn log_from_disk(db: &sled::Db, after: Revision, until: Revision) -> Result<LogPage, ReadError> {
    let mut page = LogPage { commits: Vec::new(), through: after };
    let mut changes = 0;
    for entry in history::entries(db, after, until).take(LOG_PAGE_COMMITS) {
        let commit = history::with_values(db, entry?)?;
        changes += commit.changes.len();
        page.through = commit.revision;
        page.commits.push(commit);
        if changes >= LOG_PAGE_CHANGES {
            break;
        }
    }
    if page.through == after {
        let detail = format!("the history after {after} is missing");
        return Err(ReadError::Corrupt(detail));
    }
    Ok(page)
}
