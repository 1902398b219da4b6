//! Leases: of several handles, one does the work that needs doing once.
//!
//! Owns the lease's row and the rule by which it is renewed and taken. What always holds, with clocks that run alike:
//! - a holder raises the number in its row at a third of the lease's life, and takes itself for the holder no longer than
//!   one life after it last *began* to do so;
//! - another takes the lease only after it has seen the same row for a whole life by its own clock, so never at its first
//!   look, and only if it is still that row (a precondition);
//! - a handle that nobody shares its store with leads and writes nothing.
//!
//! **A lease saves work; it protects nothing.** A process that is stopped for a minute goes on believing that it leads, so
//! two may do the work at once. Every step must be safe then: a commit with preconditions, and what is not cheap to do
//! twice claims its object first.
//!
//! ## Design notes
//! Nobody compares the clocks of two machines: a row is judged by how long it did not change in front of the one who judges.
//! The price is that a lease whose holder died is taken one to two lives later, the later if nobody looked meanwhile.
//!
//! An engine with leases of its own would give them behind this interface, which names neither row nor number.
//!
//! What a shared lease costs: its holder three commits in a life, each other handle three reads at [`At::Latest`]. On the
//! embedded engine a handle is alone unless another one was lent, and then it costs nothing at all; so there a row for each
//! process, or one for each worker, is the same.

mod row;
mod sighting;

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    clock::MonotonicClock,
    commit::{CommitError, Precondition, Write},
    engine::{Transaction, TransactionError},
    key::Key,
    read::{At, ReadError},
    reserved::TAG_LEASE,
    revision::Revision,
    view::View,
};
use row::StoredLease;
pub(crate) use sighting::Sighting;

/// How often in its life a lease is renewed: two renewals may fail before the third comes too late.
pub(crate) const RENEWALS_PER_LIFE: u32 = 3;

/// A named lease as one holder sees it. Drive it with [`Lease::tick`] every [`Lease::period`]:
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn run(store: store::Store, mut pause: impl AsyncFnMut(Duration)) {
/// let mut lease = store.lease("sweep", Duration::from_secs(15));
/// loop {
///     match lease.tick().await {
///         Ok(true) => { /* one step, which must be safe when another holder takes it, too */ }
///         Ok(false) => { /* another one leads */ }
///         // Nothing is known; `leads` says whether this one's time still runs.
///         Err(error) => eprintln!("{error}"),
///     }
///     pause(lease.period()).await;
/// }
/// # }
/// ```
///
/// It keeps its store open as a clone of the store does. Dropping it leaves the lease to run out; [`Lease::release`] gives
/// it back at once.
pub struct Lease {
    view: Arc<View>,
    clock: MonotonicClock,
    key: Key,
    holder: Uuid,
    life: Duration,
    state: State,
}

enum State {
    /// Another one's row, as it was seen; or nothing yet.
    Following(Sighting),
    /// Ours.
    Leading(Held),
}

/// The row as this holder wrote it last.
#[derive(Clone, Copy)]
struct Held {
    revision: Revision,
    number: u64,
    /// When that write began.
    renewed: Duration,
}

impl Lease {
    pub(crate) fn new(view: Arc<View>, clock: MonotonicClock, name: &str, life: Duration) -> Lease {
        let key = Key::builder(TAG_LEASE).text(name).finish();
        let state = State::Following(Sighting::default());
        Lease { view, clock, key, holder: Uuid::new_v4(), life, state }
    }

    /// How often to call [`Lease::tick`]: a third of the life.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.life / RENEWALS_PER_LIFE
    }

    /// Whether this holder leads by its own clock, without asking anybody. For work that takes longer than a step.
    #[must_use]
    pub fn leads(&self) -> bool {
        let is_running = |held: &Held| self.clock.now().saturating_sub(held.renewed) < self.life;
        match &self.state {
            _ if self.is_alone() => true,
            State::Leading(held) => is_running(held),
            State::Following(_) => false,
        }
    }

    /// Renews the lease if it is due, or takes it if it is free; says whether this holder leads. Called earlier than it
    /// need be, a leader's costs nothing and a follower's one read.
    ///
    /// # Errors
    /// The store could not be read or written. A lease that was held stays so until its life is over; see
    /// [`Lease::leads`].
    pub async fn tick(&mut self) -> Result<bool, CommitError> {
        if self.is_alone() {
            return Ok(true);
        }
        if let State::Leading(held) = self.state {
            if self.clock.now().saturating_sub(held.renewed) < self.period() {
                return Ok(true);
            }
            if self.write(Some(held.revision), held.number).await? {
                return Ok(true);
            }
            self.state = State::Following(Sighting::default());
        }
        self.look().await
    }

    /// Gives the lease back, so that another one may take it at once.
    ///
    /// # Errors
    /// The store could not be written; the lease runs out by itself then.
    pub async fn release(&mut self) -> Result<(), CommitError> {
        let following = State::Following(Sighting::default());
        let State::Leading(held) = std::mem::replace(&mut self.state, following) else {
            return Ok(());
        };
        let released = Transaction {
            preconditions: vec![Precondition::KeyAtRevision(self.key.clone(), held.revision)],
            writes: vec![Write::Delete(self.key.clone())],
        };
        match self.view.commit(released).await {
            // Another one has it already.
            Ok(_) | Err(TransactionError::Precondition { .. }) => Ok(()),
            Err(error) => Err(error.into_commit_error(0)),
        }
    }

    fn is_alone(&self) -> bool {
        !self.view.engine().is_shared()
    }

    /// Reads the row, and takes the lease if nobody has it or nobody has renewed it for its life.
    async fn look(&mut self) -> Result<bool, CommitError> {
        let unreadable = |error: ReadError| CommitError::Unavailable(error.to_string());
        let before = self.clock.now();
        let row = self.view.get(&self.key, At::Latest).await.map_err(unreadable)?;
        let Some(row) = row else {
            return self.write(None, 0).await;
        };
        let stored = StoredLease::read(&row).map_err(unreadable)?;
        let after = self.clock.now();
        let State::Following(sighting) = &mut self.state else { return Ok(true) };
        let unchanged = sighting.unchanged(row.revision, before, after);
        // One of ours is there when a write of ours was not known to have taken place.
        if stored.holder == self.holder || unchanged >= stored.life {
            return self.write(Some(row.revision), stored.number).await;
        }
        Ok(false)
    }

    /// Writes the row with the next number, if it still is as it was read; says whether this holder has the lease now.
    async fn write(&mut self, read: Option<Revision>, number: u64) -> Result<bool, CommitError> {
        let number = number.saturating_add(1);
        let row = StoredLease { holder: self.holder, number, life: self.life };
        let guard = match read {
            Some(revision) => Precondition::KeyAtRevision(self.key.clone(), revision),
            None => Precondition::KeyAbsent(self.key.clone()),
        };
        let write = Write::Put(self.key.clone(), row.encoded()?);
        let renewed = self.clock.now();
        let written = Transaction { preconditions: vec![guard], writes: vec![write] };
        match self.view.commit(written).await {
            Ok(revision) => {
                self.state = State::Leading(Held { revision, number, renewed });
                Ok(true)
            }
            Err(TransactionError::Precondition { .. }) => Ok(false),
            Err(error) => Err(error.into_commit_error(0)),
        }
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let leads = self.leads();
        f.debug_struct("Lease").field("key", &self.key).field("leads", &leads).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::{config::EmbeddedConfig, embedded::Embedded, engine::Engine};

    #[tokio::test]
    async fn a_renewal_that_took_place_though_nobody_knew_is_the_holders_own() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Embedded::open(&EmbeddedConfig::new(dir.path())).await.unwrap();
        let _other = engine.second();
        let view = Arc::new(View::of(Arc::new(engine), u32::MAX));
        let seconds = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&seconds);
        let clock = MonotonicClock::call(move || Duration::from_secs(told.load(Ordering::SeqCst)));
        let mut lease = Lease::new(Arc::clone(&view), clock, "work", Duration::from_secs(30));
        assert_eq!(lease.tick().await, Ok(true));

        // What a renewal leaves whose answer was lost.
        let State::Leading(held) = lease.state else { panic!("it leads") };
        let row = StoredLease { holder: lease.holder, number: held.number + 1, life: lease.life };
        let lost = Write::Put(lease.key.clone(), row.encoded().unwrap());
        view.commit(Transaction { preconditions: vec![], writes: vec![lost] }).await.unwrap();
        seconds.store(10, Ordering::SeqCst);
        assert_eq!(lease.tick().await, Ok(true));
        let row = view.get(&lease.key, At::Published).await.unwrap().unwrap();
        assert_eq!(StoredLease::read(&row).unwrap().number, held.number + 2);
        seconds.store(39, Ordering::SeqCst);
        assert!(lease.leads());
    }
}
