//! Upkeep: expired request records go, and history is trimmed by age and count.
//!
//! One pass is idempotent and takes no input but the time; what it does not finish, the next one
//! does. A pass runs every `upkeep_period` and after a burst of commits.
//!
//! ## Design notes
//! The age of a revision is known from samples taken at each pass, not from a time stored with
//! each commit: that works alike on every engine and costs no bytes. The price is that history
//! lives up to one `max_age` longer after a restart.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::watch, time::timeout};

use crate::{
    commit::{CommitError, Precondition, Write},
    config::Retention,
    engine::{ScanRange, Transaction, TransactionError},
    idempotency,
    read::{At, ReadError},
    revision::Revision,
    store::Inner,
    view::View,
};

/// Samples per `max_age`: history is trimmed to within 1/128 of the age asked for.
const SAMPLES_PER_AGE: u32 = 128;

/// Part of `max_commits` that may pile up before a pass runs early.
const BURST_FRACTION: u32 = 8;

/// Expired requests dropped in one commit. Each takes two writes of the hundred.
const EXPIRED_PER_COMMIT: usize = 40;

/// When which revision was the latest.
pub(crate) struct Ages {
    retention: Retention,
    samples: VecDeque<(Timestamp, Revision)>,
}

impl Ages {
    pub(crate) fn new(retention: Retention) -> Ages {
        Ages { retention, samples: VecDeque::new() }
    }

    /// Notes that `published` is the latest at `now`, and gives the oldest revision worth keeping.
    fn oldest_wanted(&mut self, now: Timestamp, published: Revision) -> Revision {
        self.sample(now, published);
        let max_age = self.retention.max_age;
        let mut by_age = Revision::ZERO;
        while let Some((taken, revision)) = self.samples.front().copied() {
            if now.duration_since(taken)
                < jiff::SignedDuration::try_from(max_age).unwrap_or_default()
            {
                break;
            }
            by_age = revision;
            self.samples.pop_front();
        }
        let by_count = published.get() - i64::from(self.retention.max_commits);
        by_age.max(Revision::new(by_count))
    }

    fn sample(&mut self, now: Timestamp, published: Revision) {
        let spacing = self.retention.max_age / SAMPLES_PER_AGE;
        let is_new = self.samples.back().is_none_or(|(taken, revision)| {
            *revision < published && now.duration_since(*taken).unsigned_abs() >= spacing
        });
        if is_new {
            self.samples.push_back((now, published));
        }
    }
}

/// Revisions that somebody still needs (a backup under way), however old they get.
#[derive(Default)]
pub(crate) struct Holds {
    held: Mutex<BTreeMap<Revision, usize>>,
}

impl Holds {
    /// Keeps a revision readable until the hold is dropped.
    pub(crate) fn hold(self: &Arc<Holds>, revision: Revision) -> Hold {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held.entry(revision).or_default() += 1;
        Hold { holds: Arc::clone(self), revision }
    }

    /// As much of `to` as no hold forbids.
    pub(crate) fn limit(&self, to: Revision) -> Revision {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.keys().next().map_or(to, |oldest| to.min(*oldest))
    }
}

/// Keeps one revision readable.
pub(crate) struct Hold {
    holds: Arc<Holds>,
    revision: Revision,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.holds.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.revision) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.revision);
            }
        }
    }
}

/// One pass.
pub(crate) async fn pass(
    view: &View,
    ages: &mut Ages,
    holds: &Holds,
    now: Timestamp,
) -> Result<(), CommitError> {
    forget_expired(view, now).await?;
    let published = view.readable();
    let to = holds.limit(ages.oldest_wanted(now, published)).max(view.oldest());
    // Also with nothing to trim: the engine looks at its disk then, and health follows the room there although nobody
    // writes. A store that is not ready gets no calls that would make it look.
    let compacted = view.compact(to).await;
    compacted.map_err(|error| error.into_commit_error(0))?;
    tracing::debug!(to = to.get(), "history trimmed");
    Ok(())
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
    store: Weak<Inner>,
    mut heard: watch::Receiver<Revision>,
    period: Duration,
    max_commits: u32,
) {
    let burst = i64::from((max_commits / BURST_FRACTION).max(1));
    let mut last = *heard.borrow();
    loop {
        let is_burst = |now: &Revision| now.get() - last.get() >= burst;
        // Either a burst or the period's end; only a closed store ends the task.
        if let Ok(Err(_closed)) = timeout(period, heard.wait_for(is_burst)).await {
            return;
        }
        last = *heard.borrow();
        let Some(store) = store.upgrade() else { return };
        if let Err(error) = store.upkeep().await {
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

    fn ages(max_age_s: u64, max_commits: u32) -> Ages {
        Ages::new(Retention { max_age: Duration::from_secs(max_age_s), max_commits })
    }

    #[test]
    fn a_revision_goes_when_it_is_old_enough_and_not_before() {
        let mut ages = ages(100, 1_000_000);
        let mut oldest = |second, published| {
            ages.oldest_wanted(at(second), Revision::new(published)).get().max(0)
        };
        assert_eq!(oldest(0, 10), 0);
        assert_eq!(oldest(50, 20), 0);
        assert_eq!(oldest(99, 30), 0);
        assert_eq!(oldest(100, 40), 10);
        assert_eq!(oldest(160, 40), 20);
        assert_eq!(oldest(200, 40), 40);
    }

    #[test]
    fn too_many_commits_go_however_young_they_are() {
        let mut ages = ages(1_000_000, 100);
        assert_eq!(ages.oldest_wanted(at(0), Revision::new(250)), Revision::new(150));
    }

    #[test]
    fn samples_stay_few_when_passes_are_many() {
        let mut ages = ages(1280, u32::MAX);
        for second in 0..100_000 {
            ages.oldest_wanted(at(second), Revision::new(second));
        }
        assert!(ages.samples.len() <= 130, "{}", ages.samples.len());
    }

    #[test]
    fn the_oldest_hold_limits_compaction_until_it_is_dropped() {
        let holds = Arc::new(Holds::default());
        let one = holds.hold(Revision::new(5));
        let two = holds.hold(Revision::new(5));
        let later = holds.hold(Revision::new(8));
        assert_eq!(holds.limit(Revision::new(9)), Revision::new(5));
        drop(one);
        assert_eq!(holds.limit(Revision::new(9)), Revision::new(5));
        drop(two);
        assert_eq!(holds.limit(Revision::new(9)), Revision::new(8));
        drop(later);
        assert_eq!(holds.limit(Revision::new(9)), Revision::new(9));
    }
}
