//! Who changed what, and what an object was at a time.
//!
//! Owns: the audit rows, which are the history, and the two questions that they answer: the events of a tenant, newest first
//! (`events`), and an object or a list as of a time (`past`).
//! Always holds: a row stands in the commit of the write that it tells of; it holds the object's stored record of *before*, never the
//! one after, which is the next row's before or the object itself; the time of one object's rows rises strictly; no secret is in a row,
//! since none is in a record that is remembered here.
//! Absent on purpose: joins, renewals, counters and workers' steps that the row of an intent stands for.
//!
//! ## Design notes
//! An object at time T is what stands before in its first row later than T, else the object as it is now. So an object needs no row to
//! be remembered, and only rows younger than the horizon are kept. The horizon is the youngest of: the age that is kept, the first start
//! with this version, a restore (another epoch), and what was trimmed because there were too many. Rows are keyed by the uid of the
//! tenant, so that a tenant made anew under an old id never sees its predecessor's. The other choice, the store's own revisions, would
//! keep every counter and index for 90 days to remember a few writes.

mod events;
mod keys;
mod past;
mod record;
mod trim;

use jiff::Timestamp;
use rpc::access::Principal;
use store::{At, Commit, Revision, Store};
use uuid::Uuid;

use crate::Fault;

pub use events::{Event, Objects, changed_paths};
pub use keys::{FIRST_TAG, LAST_TAG};
pub use past::{AsOf, Live, Past};
pub use trim::{HistoryLimits, Trimmed};

use record::{StoredEvent, StoredStart};

/// Younger than this, `read_time` answers as now: what a caller calls "now" on a clock of his own.
pub const NOW_IS_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);
/// Most operations that a row adds to a commit. A third only where what was before is larger than `MAX_INLINE_BYTES`.
pub const OPS_PER_ROW: usize = 2;
/// Largest record of before that stands in the row itself: with all that the row says besides it stays below the 64 KiB of a value.
const MAX_INLINE_BYTES: usize = 48 * 1024;

/// Which objects are kept together: those of one tenant, of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// The tenant's uid; nil for the tenants themselves.
    pub tenant: Uuid,
    /// The kind, by a number that the service never gives to another.
    pub kind: u8,
}

/// What is to be remembered of one write of one object.
#[derive(Clone, Debug)]
pub struct Deed<'a> {
    /// Where the object stands.
    pub shelf: Shelf,
    /// Whose event it is: the tenant's uid, also where the object is the tenant.
    pub of_tenant: Uuid,
    /// The object's last id.
    pub id: &'a str,
    /// The object's uid.
    pub uid: Uuid,
    /// The object's name.
    pub name: String,
    /// When: later than every earlier deed on the object.
    pub time: Timestamp,
    /// Who.
    pub by: &'a Principal,
    /// The stored record of before, and its revision; `None` if there was no object.
    pub before: Option<(bytes::Bytes, Revision)>,
}

/// The history in a service's store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct History {
    store: Store,
    limits: HistoryLimits,
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
}
