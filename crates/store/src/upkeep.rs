//! Upkeep: expired request records go, and history is trimmed by age and count.
//!
//! One pass is idempotent and takes no input but the time; what it does not finish, the next one
//! does. A pass runs every `upkeep_period` and after a burst of commits. Of several handles on one store, the one that holds
//! the lease does this; the others only note how old history is, so that each of them can go on with it.
//!
//! ## Design notes
//! The age of a revision is known from samples taken at each pass, not from a time stored with
//! each commit: that works alike on every engine and costs no bytes. The price is that history
//! lives up to one `max_age` longer after a restart, or after the handle that led is gone and another one is younger.
//!
//! Two handles that both believe that they lead do no harm: expired records are dropped by preconditions, and both look at
//! the holds before they compact.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::{Mutex, watch},
    time::timeout,
};

use crate::{
    clock::Now,
    commit::{CommitError, Precondition, Write},
    config::StoreConfig,
    engine::{ScanRange, Transaction, TransactionError},
    holds::Holds,
    idempotency,
    lease::{Lease, RENEWALS_PER_LIFE},
    read::{At, ReadError},
    revision::Revision,
    view::View,
};

/// Samples per `max_age`: history is trimmed to within 1/128 of the age asked for.
const SAMPLES_PER_AGE: u32 = 128;

/// Part of `max_commits` that may pile up before a pass runs early.
const BURST_FRACTION: u32 = 8;

/// Expired requests dropped in one commit. Each takes two writes of the hundred.
const EXPIRED_PER_COMMIT: usize = 40;

/// When which revision was the latest.
struct Ages {
    max_age: Duration,
    samples: VecDeque<(Timestamp, Revision)>,
    /// The latest revision that was old enough when it was looked at last.
    too_old: Revision,
}

impl Ages {
    fn new(max_age: Duration) -> Ages {
        Ages { max_age, samples: VecDeque::new(), too_old: Revision::ZERO }
    }

    /// Notes that `published` is the latest at `now`, and gives the oldest revision that is worth keeping by its age.
    fn oldest_kept(&mut self, now: Timestamp, published: Revision) -> Revision {
        self.sample(now, published);
        let max_age = jiff::SignedDuration::try_from(self.max_age).unwrap_or_default();
        while let Some((taken, revision)) = self.samples.front().copied() {
            if now.duration_since(taken) < max_age {
                break;
            }
            self.too_old = revision;
            self.samples.pop_front();
        }
        self.too_old
    }

    fn sample(&mut self, now: Timestamp, published: Revision) {
        let spacing = self.max_age / SAMPLES_PER_AGE;
        let is_new = self.samples.back().is_none_or(|(taken, revision)| {
            *revision < published && now.duration_since(*taken).unsigned_abs() >= spacing
        });
        if is_new {
            self.samples.push_back((now, published));
        }
    }
}

/// What one handle's upkeep knows.
pub(crate) struct Upkeep {
    view: Arc<View>,
    holds: Arc<Holds>,
    ages: Ages,
    lease: Lease,
}

impl Upkeep {
    pub(crate) fn new(view: Arc<View>, holds: Arc<Holds>, config: &StoreConfig) -> Upkeep {
        let ages = Ages::new(config.retention.max_age);
        // Every pass of the one that leads renews it.
        let life = config.upkeep_period.saturating_mul(RENEWALS_PER_LIFE);
        let lease = Lease::new(Arc::clone(&view), config.monotonic.clone(), "upkeep", life);
        Upkeep { view, holds, ages, lease }
    }

    /// One pass.
    pub(crate) async fn pass(&mut self, now: Timestamp) -> Result<(), CommitError> {
        let by_age = self.ages.oldest_kept(now, self.view.readable());
        let wanted = by_age.max(self.view.oldest_kept());
        if !self.lease.tick().await? {
            return Ok(());
        }
        forget_expired(&self.view, now).await?;
        let to = self.holds.limit(wanted.max(self.view.oldest())).await?;
        // Also with nothing to trim: the engine looks at its disk then, and health follows the room there although nobody
        // writes. A store that is not ready gets no calls that would make it look.
        let compacted = self.view.compact(to).await;
        compacted.map_err(|error| error.into_commit_error(0))?;
        tracing::debug!(to = to.get(), "history trimmed");
        Ok(())
    }

    /// Lets another handle lead at once. A lease that cannot be given back runs out.
    pub(crate) async fn end(&mut self) {
        if let Err(error) = self.lease.release().await {
            tracing::debug!(%error, "the lease of the store's upkeep is left to run out");
        }
    }
}

async fn forget_expired(view: &View, now: Timestamp) -> Result<(), CommitError> {
    let unreadable = |error: ReadError| CommitError::Unavailable(error.to_string());
    loop {
        let prefix = idempotency::expiry_prefix();
        let range = ScanRange { prefix, after: None, limit: EXPIRED_PER_COMMIT };
        let page = view.scan(range, At::Published).await.map_err(unreadable)?;
        let mut expired = Transaction::default();
        for place in &page.rows {
            let (expires, request) = idempotency::read_expiry(&place.key).map_err(unreadable)?;
            if expires <= now {
                let guard = Precondition::KeyAtRevision(place.key.clone(), place.revision);
                expired.preconditions.push(guard);
                expired.writes.push(Write::Delete(place.key.clone()));
                expired.writes.push(Write::Delete(request));
            }
        }
        let is_last = expired.preconditions.len() < EXPIRED_PER_COMMIT;
        if !expired.writes.is_empty() {
            match view.commit(expired).await {
                // A record was renewed meanwhile; the next pass sees the rest.
                Err(TransactionError::Precondition { .. }) => return Ok(()),
                done => done.map_err(|error| error.into_commit_error(0))?,
            };
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Runs passes until the store is closed or gone. Owned by the store that spawned it; a failed
/// pass is logged and the next one tries again.
pub(crate) async fn run(
    upkeep: Weak<Mutex<Upkeep>>,
    now: Now,
    mut heard: watch::Receiver<Revision>,
    counted: Arc<AtomicU64>,
    period: Duration,
    max_commits: u32,
) {
    let burst = u64::from((max_commits / BURST_FRACTION).max(1));
    let mut last = counted.load(Ordering::SeqCst);
    loop {
        let is_burst = |_: &Revision| counted.load(Ordering::SeqCst) - last >= burst;
        // Either a burst or the period's end; only a closed store ends the task.
        if let Ok(Err(_closed)) = timeout(period, heard.wait_for(is_burst)).await {
            return;
        }
        last = counted.load(Ordering::SeqCst);
        let Some(upkeep) = upkeep.upgrade() else { return };
        if let Err(error) = upkeep.lock().await.pass(now()).await {
            tracing::warn!(%error, "upkeep of the store failed, it is tried again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_revision_goes_when_it_is_old_enough_and_not_before() {
        let mut ages = Ages::new(Duration::from_secs(100));
        let mut oldest =
            |second, published| ages.oldest_kept(at(second), Revision::new(published)).get();
        assert_eq!(oldest(0, 10), 0);
        assert_eq!(oldest(50, 20), 0);
        assert_eq!(oldest(99, 30), 0);
        assert_eq!(oldest(100, 40), 10);
        assert_eq!(oldest(101, 40), 10, "what is too old stays so, for whoever leads next");
        assert_eq!(oldest(160, 40), 20);
        assert_eq!(oldest(200, 40), 40);
    }

    #[test]
    fn samples_stay_few_when_passes_are_many() {
        let mut ages = Ages::new(Duration::from_secs(1280));
        for second in 0..100_000 {
            ages.oldest_kept(at(second), Revision::new(second));
        }
        assert!(ages.samples.len() <= 130, "{}", ages.samples.len());
    }
}
