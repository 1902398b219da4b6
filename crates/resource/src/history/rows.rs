//! The history in a service's store.
//!
//! Owns: [`History`], how a row gets into a commit, and how far back the rows reach. Always holds: where history begins is stored
//! with the store's epoch, so a restored store begins anew.

use jiff::Timestamp;
use store::{At, Commit, Store};
use uuid::Uuid;

use super::{
    deed::Deed,
    keys,
    limits::HistoryLimits,
    record::{self, StoredEvent, StoredStart, StoredTrimmed},
};
use crate::Fault;

/// Younger than this, `read_time` answers as now: what a caller calls "now" on a clock of his own.
pub const NOW_IS_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// The history in a service's store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct History {
    pub(super) store: Store,
    pub(super) limits: HistoryLimits,
    /// From when on anything is remembered at all.
    began: Timestamp,
}

impl History {
    /// The history of an open store; on the first start with history, and after a restore, it begins now.
    ///
    /// # Errors
    /// The store could not be read or written.
    pub async fn open(store: Store, limits: HistoryLimits, now: Timestamp) -> Result<Self, Fault> {
        let epoch = store.epoch().to_string();
        let key = keys::start();
        let kept = match store.get(&key, At::Published).await? {
            Some(row) => Some(crate::record::decode::<StoredStart>(&row.value)?),
            None => None,
        };
        let began = match kept {
            Some(start) if start.epoch == epoch => start.began,
            _ => {
                let start = record::Start { epoch, began: now };
                let value = crate::record::encode::<StoredStart>(&start)?;
                store.commit(Commit::new(now).put(key, value)).await?;
                now
            }
        };
        Ok(Self { store, limits, began })
    }

    /// Adds the row of a deed to the commit that does it.
    ///
    /// # Errors
    /// The row has no JSON form, which none has.
    pub fn remember(&self, commit: Commit, deed: Deed<'_>) -> Result<Commit, Fault> {
        let place = keys::event(deed.shelf, deed.id, deed.uid, deed.time);
        let by_time = keys::by_time(deed.of_tenant, deed.time, deed.uid);
        let (row, apart) = record::event(&deed)?;
        let value = crate::record::encode::<StoredEvent>(&row)?;
        let commit = commit.put(by_time, place.as_bytes().to_vec());
        let commit = match apart {
            Some(before) => commit.put(keys::part(&place), before),
            None => commit,
        };
        Ok(commit.put(place, value))
    }

    /// From when on a tenant's objects can be read as of a time.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn oldest(&self, tenant: Uuid, now: Timestamp) -> Result<Timestamp, Fault> {
        let aged = now.checked_sub(self.limits.age).unwrap_or(Timestamp::MIN);
        let trimmed = self.trimmed(tenant).await?.unwrap_or(Timestamp::MIN);
        Ok(aged.max(self.began).max(trimmed))
    }

    /// Whether a time asks for the past: `None` for now, or what is as good as now.
    ///
    /// # Errors
    /// [`Fault::ReadTimeTooOld`] for a time before [`oldest`](Self::oldest).
    pub async fn asked(
        &self,
        read_time: Option<Timestamp>,
        tenant: Uuid,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Fault> {
        let Some(time) = read_time.filter(|time| now.duration_since(*time) > NOW_IS_WITHIN) else {
            return Ok(None);
        };
        let oldest = self.oldest(tenant, now).await?;
        if time < oldest {
            return Err(Fault::ReadTimeTooOld { oldest });
        }
        Ok(Some(time))
    }

    /// Up to when a tenant's events were dropped because there were too many.
    pub(super) async fn trimmed(&self, tenant: Uuid) -> Result<Option<Timestamp>, Fault> {
        let row = self.store.get(&keys::trimmed(tenant), At::Published).await?;
        Ok(row.map(|row| crate::record::decode::<StoredTrimmed>(&row.value)).transpose()?)
    }
}
