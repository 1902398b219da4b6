//! sled in a directory of its own, with its writer: what all handles of one store share.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    disk::Disk,
    history,
    open::{self, OpenError, panic_text},
    shared::{Shared, waker},
    watchdog::{self, Pulse},
    writer::{Job, QUEUE, Writer},
};
use crate::{
    config::EmbeddedConfig,
    engine::{ReadAt, TransactionError},
    health::StoreHealth,
    log::LogPage,
    read::ReadError,
    revision::{Epoch, Revision},
};

/// Most commits of one page of history read from disk.
const LOG_PAGE_COMMITS: usize = 256;

/// Changes after which a page of history read from disk ends.
const LOG_PAGE_CHANGES: usize = 1024;

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
        let db = opened.db.clone();
        let shared = Arc::new(Shared::new(db, opened.lock, opened.oldest, opened.last));
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
