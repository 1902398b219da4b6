//! The one thread that writes.
//!
//! A group goes through six moves, in this order: check and collect, apply, sync, mark, publish,
//! answer. Nothing is answered, not even a refusal, before the state that it rests on is durable.
//! After the first failure, at the latest of a sync, the thread refuses everything: whether the
//! group is on disk is unknown until the store is opened anew, and a second sync could claim
//! success for pages the kernel has dropped.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    compact,
    disk::Disk,
    group::{Group, NotAdded},
    mark::Mark,
    open::panic_text,
    shared::Shared,
    watchdog::Pulse,
};
use crate::{
    commit::Write,
    engine::{Transaction, TransactionError},
    health::StoreHealth,
    log::LoggedCommit,
    read::ReadError,
    revision::Revision,
};

/// Most transactions of one group. Beyond this the sync is no longer what a commit costs.
const MAX_GROUP: usize = 256;

/// Bytes of writes after which a group is closed: 4 MiB, a few dozen milliseconds of disk.
const MAX_GROUP_BYTES: usize = 4 * 1024 * 1024;

/// Jobs that may wait for the writer; whoever comes later waits to be let in.
pub(super) const QUEUE: usize = 1024;

/// What the thread is asked to do.
pub(super) enum Job {
    Commit {
        transaction: Transaction,
        answer: Answer<Revision>,
    },
    /// One step of compaction; answers the oldest revision after it.
    Compact {
        to: Revision,
        answer: Answer<Revision>,
    },
}

type Answer<T> = oneshot::Sender<Result<T, TransactionError>>;

pub(super) struct Writer {
    pub(super) db: sled::Db,
    pub(super) disk: Disk,
    pub(super) mark: Mark,
    pub(super) shared: Arc<Shared>,
    pub(super) health: watch::Sender<StoreHealth>,
    pub(super) pulse: Arc<Pulse>,
}

/// Transactions of one group, with where to answer.
type Waiting = Vec<(Transaction, Answer<Revision>)>;

impl Writer {
    /// Works until the last sender is gone.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut arrived = Vec::with_capacity(MAX_GROUP);
        while jobs.blocking_recv_many(&mut arrived, MAX_GROUP) > 0 {
            let mut waiting = Waiting::new();
            let mut bytes = 0;
            for job in arrived.drain(..) {
                match job {
                    Job::Commit { transaction, answer } => {
                        bytes += weight(&transaction);
                        waiting.push((transaction, answer));
                        if bytes >= MAX_GROUP_BYTES {
                            self.commit(std::mem::take(&mut waiting));
                            bytes = 0;
                        }
                    }
                    Job::Compact { to, answer } => {
                        let _ = answer.send(self.compact(to));
                    }
                }
            }
            self.commit(waiting);
        }
        self.finish();
    }

    /// The last sync: compaction and the mark may have moved since the one before.
    fn finish(&mut self) {
        if !matches!(*self.health.borrow(), StoreHealth::Serving | StoreHealth::Full { .. }) {
            return;
        }
        if self.guarded(Writer::sync).is_ok() {
            self.health.send_replace(StoreHealth::Closed);
        }
    }

    fn commit(&mut self, waiting: Waiting) {
        if waiting.is_empty() {
            return;
        }
        if let Err(refusal) = self.check_health() {
            for (_, answer) in waiting {
                let _ = answer.send(Err(TransactionError::Unavailable(refusal.clone())));
            }
            return;
        }
        let (transactions, answers): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        let outcome = self.guarded(|writer| writer.write(transactions));
        match outcome {
            Ok(Written { verdicts, logged, last }) => {
                if !logged.is_empty() {
                    self.shared.handles.publish(logged, last);
                }
                let is_conflict = |verdict: &&Result<_, _>| {
                    matches!(verdict, Err(TransactionError::Precondition { .. }))
                };
                self.shared.counters.refused(verdicts.iter().filter(is_conflict).count());
                for (answer, verdict) in answers.into_iter().zip(verdicts) {
                    let _ = answer.send(verdict);
                }
            }
            Err(reason) => {
                for answer in answers {
                    let _ = answer.send(Err(TransactionError::OutcomeUnknown(reason.clone())));
                }
            }
        }
    }

    /// Refuses after a failure, and while there is too little room.
    fn check_health(&self) -> Result<(), String> {
        let health = self.health.borrow().clone();
        match health {
            StoreHealth::Serving | StoreHealth::Full { .. } => {}
            other => return Err(other.refusal().unwrap_or_default()),
        }
        let now = self.disk.health();
        let refusal = now.refusal();
        self.health.send_if_modified(|health| std::mem::replace(health, now.clone()) != now);
        refusal.map_or(Ok(()), Err)
    }

    fn write(&mut self, transactions: Vec<Transaction>) -> Result<Written, String> {
        let before = self.shared.handles.published();
        let mut group = Group::new(&self.db, before);
        let added = transactions.into_iter().map(|one| verdict(group.add(one)));
        let verdicts = added.collect::<Result<_, _>>()?;
        let (batch, logged, last) = group.finish();
        if last != before {
            // The machine's own clock: this measures the disk.
            let begun = Instant::now();
            self.db.apply_batch(batch).map_err(|error| error.to_string())?;
            self.sync()?;
            self.shared.counters.synced(logged.len(), begun.elapsed());
            self.mark.advance(last).map_err(|error| error.to_string())?;
        }
        Ok(Written { verdicts, logged, last })
    }

    /// Both are needed; see the design notes of [`super`].
    fn sync(&mut self) -> Result<(), String> {
        self.db.flush().map_err(|error| error.to_string())?;
        self.disk.sync().map_err(|error| error.to_string())
    }

    /// Forgets a bounded stretch of history, up to what was published when it was asked for. Not
    /// synced: if a crash takes it back, it is done
    /// again.
    fn compact(&mut self, to: Revision) -> Result<Revision, TransactionError> {
        self.check_health().map_err(TransactionError::Unavailable)?;
        let oldest = self.shared.oldest();
        if to <= oldest {
            return Ok(oldest);
        }
        let step = self.watched(|writer| compact::plan(&writer.db, oldest, to));
        let step = step.map_err(|error| TransactionError::Unavailable(error.to_string()))?;
        // Readers look at this after reading: it must move before the rows go.
        self.shared.set_oldest(step.oldest);
        let applied =
            self.guarded(|writer| writer.db.apply_batch(step.batch).map_err(|e| e.to_string()));
        applied.map(|()| step.oldest).map_err(TransactionError::OutcomeUnknown)
    }

    /// Does work under the eyes of the watchdog. Reads too: sled reads no page that it has not written yet, and waits for that.
    fn watched<T>(&mut self, work: impl FnOnce(&mut Writer) -> T) -> T {
        self.pulse.begin();
        let outcome = work(self);
        self.pulse.end();
        outcome
    }

    /// Does work under the eyes of the watchdog; a failure or panic ends all writing.
    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Writer) -> Result<T, String>,
    ) -> Result<T, String> {
        let outcome = self.watched(|writer| catch_unwind(AssertUnwindSafe(|| work(writer))));
        let outcome = outcome.unwrap_or_else(|panic| Err(panic_text(&*panic)));
        outcome.map_err(|error| {
            let reason = format!("a write failed, restart to go on: {error}");
            tracing::error!(reason, "the store stops taking commits");
            self.health.send_replace(StoreHealth::Failed { reason: reason.clone() });
            reason
        })
    }
}

struct Written {
    verdicts: Vec<Result<Revision, TransactionError>>,
    logged: Vec<LoggedCommit>,
    last: Revision,
}

fn weight(transaction: &Transaction) -> usize {
    let of_write = |write: &Write| match write {
        Write::Put(key, value) => key.as_bytes().len() + value.len(),
        Write::Delete(key) => key.as_bytes().len(),
    };
    transaction.writes.iter().map(of_write).sum()
}

/// What a transaction's caller is told, or why all writing ends.
fn verdict(
    added: Result<Revision, NotAdded>,
) -> Result<Result<Revision, TransactionError>, String> {
    match added {
        Ok(revision) => Ok(Ok(revision)),
        Err(NotAdded::Refused(refusal)) => Ok(Err(refusal)),
        // One row is damaged; whoever does not touch it is served.
        Err(NotAdded::Unreadable(damage @ ReadError::Corrupt(_))) => {
            Ok(Err(TransactionError::Unavailable(damage.to_string())))
        }
        // The disk failed behind an earlier group's back, and sled remembers.
        Err(NotAdded::Unreadable(failure)) => Err(failure.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_row_is_its_callers_trouble_and_a_failed_disk_everybodys() {
        let damage = ReadError::Corrupt("row 7".to_owned());
        let told = TransactionError::Unavailable(damage.to_string());
        assert_eq!(verdict(Err(NotAdded::Unreadable(damage))), Ok(Err(told)));
        let failure = ReadError::Unavailable("Input/output error".to_owned());
        let ends = failure.to_string();
        assert_eq!(verdict(Err(NotAdded::Unreadable(failure))), Err(ends));
        let refusal = TransactionError::Unavailable("full".to_owned());
        assert_eq!(verdict(Err(NotAdded::Refused(refusal.clone()))), Ok(Err(refusal)));
        assert_eq!(verdict(Ok(Revision::new(7))), Ok(Ok(Revision::new(7))));
    }
}
