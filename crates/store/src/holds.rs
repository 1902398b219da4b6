//! Revisions that somebody still needs, however old they get: a backup under way holds the one it reads.
//!
//! Owns the holds of this handle, and what it has seen of the others'. What always holds: nothing is compacted beyond a
//! hold of this handle, nor beyond a row of another one's that was renewed within its life. A row that was not holds
//! nothing, by the rule of leases: judged by how long it did not change before the eyes of who compacts.
//!
//! ## Design notes
//! While a handle has its store to itself, its holds are in memory and cost nothing. On a shared one each is a row, written
//! before the revision to read is chosen, and renewed at a third of its life. Who compacts reads the rows first and goes no
//! further than the revision at which it read them; so a hold that it did not see is one of a revision that it leaves.
//!
//! A row that cannot be written (a full disk) does not stop a backup, which would be the one thing to do then; what a
//! missing row costs is that the backup may have to begin again. So does one that began before its handle was shared.

mod row;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    clock::MonotonicClock,
    commit::{CommitError, Precondition, Write},
    engine::{ScanRange, Transaction, TransactionError},
    key::Key,
    lease::{RENEWALS_PER_LIFE, Sighting},
    read::{At, MAX_SCAN_ROWS, ReadError, Row},
    revision::Revision,
    view::View,
};
use row::StoredHold;

/// How long a hold's row holds after it was written: 1 min. Longer than a holder that lives is ever silent, and short
/// enough that one that died keeps little history.
pub const HOLD_LIFE: Duration = Duration::from_secs(60);

/// The holds of one handle.
pub(crate) struct Holds {
    view: Arc<View>,
    clock: MonotonicClock,
    own: Mutex<BTreeMap<Revision, usize>>,
    /// Rows, this handle's among them, as they were seen. Locked for a whole look.
    seen: tokio::sync::Mutex<BTreeMap<Key, Sighting>>,
}

impl Holds {
    pub(crate) fn new(view: Arc<View>, clock: MonotonicClock) -> Holds {
        Holds { view, clock, own: Mutex::default(), seen: tokio::sync::Mutex::default() }
    }

    /// Keeps what is readable now, and later revisions, from being compacted until the hold is released or dropped. Read at
    /// a revision that is readable after it.
    pub(crate) async fn hold(self: &Arc<Holds>) -> Hold {
        let revision = self.view.readable();
        *self.own().entry(revision).or_default() += 1;
        let hold = Hold { holds: Arc::clone(self), revision, key: row::key(Uuid::new_v4()) };
        hold.write().await;
        hold
    }

    /// As much of `to` as no hold forbids.
    pub(crate) async fn limit(&self, to: Revision) -> Result<Revision, CommitError> {
        let to = if self.view.engine().is_shared() { self.limit_of_rows(to).await? } else { to };
        Ok(self.own().keys().next().map_or(to, |oldest| to.min(*oldest)))
    }

    async fn limit_of_rows(&self, to: Revision) -> Result<Revision, CommitError> {
        let unreadable = |error: ReadError| CommitError::Unavailable(error.to_string());
        let mut seen = self.seen.lock().await;
        let before = self.clock.now();
        let (rows, revision) = self.rows().await.map_err(unreadable)?;
        let after = self.clock.now();
        let mut limit = to.min(revision);
        let present: BTreeSet<&Key> = rows.iter().map(|row| &row.key).collect();
        seen.retain(|key, _| present.contains(key));
        for row in &rows {
            let hold = StoredHold::read(row).map_err(unreadable)?;
            let sighting = seen.entry(row.key.clone()).or_default();
            if sighting.unchanged(row.revision, before, after) < hold.life {
                limit = limit.min(hold.revision);
            } else {
                self.remove(row).await?;
            }
        }
        Ok(limit)
    }

    /// All rows, and a revision at which no other was there.
    async fn rows(&self) -> Result<(Vec<Row>, Revision), ReadError> {
        let (mut rows, mut after, mut at) = (Vec::new(), None, At::Latest);
        loop {
            let range = ScanRange { prefix: row::prefix(), after, limit: MAX_SCAN_ROWS };
            let page = self.view.scan(range, at).await?;
            after = page.rows.last().map(|row| row.key.clone());
            at = At::Revision(page.revision);
            rows.extend(page.rows);
            if !page.more {
                return Ok((rows, page.revision));
            }
        }
    }

    /// Removes a row that holds nothing any more, unless it was just renewed: then the next look finds it.
    async fn remove(&self, row: &Row) -> Result<(), CommitError> {
        let removed = Transaction {
            preconditions: vec![Precondition::KeyAtRevision(row.key.clone(), row.revision)],
            writes: vec![Write::Delete(row.key.clone())],
        };
        match self.view.commit(removed).await {
            Ok(_) | Err(TransactionError::Precondition { .. }) => Ok(()),
            Err(error) => Err(error.into_commit_error(0)),
        }
    }

    fn own(&self) -> std::sync::MutexGuard<'_, BTreeMap<Revision, usize>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a revision, and those after it, readable.
pub(crate) struct Hold {
    holds: Arc<Holds>,
    revision: Revision,
    key: Key,
}

impl Hold {
    /// Renews the hold for as long as it is polled.
    pub(crate) async fn keep(&self) -> Infallible {
        loop {
            sleep(HOLD_LIFE / RENEWALS_PER_LIFE).await;
            self.write().await;
        }
    }

    /// Ends the hold at once. Without this its row goes when its life is over.
    pub(crate) async fn release(self) {
        let view = Arc::clone(&self.holds.view);
        let gone = Write::Delete(self.key.clone());
        drop(self);
        if view.engine().is_shared() {
            let released = Transaction { preconditions: vec![], writes: vec![gone] };
            if let Err(error) = view.commit(released).await {
                let error = error.into_commit_error(0);
                tracing::debug!(%error, "a hold is left to run out");
            }
        }
    }

    /// Only this hold writes its row, so there is nothing to be guarded.
    async fn write(&self) {
        let view = &self.holds.view;
        if !view.engine().is_shared() {
            return;
        }
        let hold = StoredHold { revision: self.revision, life: HOLD_LIFE };
        let written = match hold.encoded() {
            Ok(row) => {
                let writes = vec![Write::Put(self.key.clone(), row)];
                let written = view.commit(Transaction { preconditions: vec![], writes }).await;
                written.map_err(|error| error.into_commit_error(0))
            }
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            tracing::warn!(%error, "other handles are not told which history is needed here");
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut own = self.holds.own();
        if let Some(count) = own.get_mut(&self.revision) {
            *count -= 1;
            if *count == 0 {
                own.remove(&self.revision);
            }
        }
    }
}
