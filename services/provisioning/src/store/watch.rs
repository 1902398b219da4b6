//! Changes in the words of the domain.
//!
//! Always holds: a key and its use count are shown joined, of one revision; a change of either is a change of the key;
//! an authority's private key is never watched.

use std::{collections::BTreeMap, pin::Pin};

use ::store::{At, Change, Key, Prefix, Revision, Row, WatchError, WatchFrom, WatchItem};
use futures::{Stream, StreamExt};
use names::{Id, ProvisioningKeyName, TenantName};

use super::{
    KeyRow, Records, StoreError, Versioned, decode, decode_value, keys,
    records::{StoredAuthority, StoredEnrolment, StoredKey, StoredRevocation, StoredUses},
};
use crate::domain::{
    certificate::{Authority, Revocation},
    enrolment::Enrolment,
    key::ProvisioningKey,
    uses::Uses,
};

/// Kinds of objects that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Key,
    Enrolment,
    Authority,
    Revocation,
}

/// An object of one of the kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    Key(KeyRow),
    Enrolment(Enrolment),
    Authority(Versioned<Authority>),
    Revocation(Revocation),
}

/// What happened to an object, with its state after it, or before it when it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Added(Watched),
    Modified(Watched),
    Gone(Watched),
}

/// A step of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WatchStep {
    Snapshot(Vec<Watched>),
    SnapshotEnd(Revision),
    Commit { revision: Revision, seen: Vec<Seen> },
    Bookmark(Revision),
}

/// Why a watch ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WatchEnd {
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) type Steps = Pin<Box<dyn Stream<Item = Result<WatchStep, WatchEnd>> + Send>>;

impl Records {
    /// Follows these kinds of one tenant, or of all.
    pub(crate) async fn watch(
        &self,
        tenant: Option<&TenantName>,
        kinds: &[Kind],
        from: WatchFrom,
    ) -> Result<Steps, StoreError> {
        let prefixes = kinds.iter().flat_map(|kind| prefixes(*kind, tenant)).collect();
        let items = self.store.watch(prefixes, from).await?;
        let records = self.clone();
        let follower = Follower { records, snapshot: Snapshot::default() };
        let steps = futures::stream::unfold(Some((items, follower)), |state| async {
            let (mut items, mut follower) = state?;
            loop {
                let step = match items.next().await? {
                    Ok(item) => follower.step(item).await.map_err(WatchEnd::from),
                    Err(error) => Err(error.into()),
                };
                match step {
                    Ok(None) => {}
                    Ok(Some(step)) => return Some((Ok(step), Some((items, follower)))),
                    Err(end) => return Some((Err(end), None)),
                }
            }
        });
        Ok(Box::pin(steps.flat_map(|step| futures::stream::iter(split_end(step)))))
    }
}

/// The snapshot's end carries the keys that waited for their counts; the caller sees them first.
fn split_end(
    step: Result<(Vec<Watched>, Option<WatchStep>), WatchEnd>,
) -> Vec<Result<WatchStep, WatchEnd>> {
    match step {
        Ok((rows, last)) => {
            let rows = (!rows.is_empty()).then_some(WatchStep::Snapshot(rows));
            rows.into_iter().chain(last).map(Ok).collect()
        }
        Err(end) => vec![Err(end)],
    }
}

fn prefixes(kind: Kind, tenant: Option<&TenantName>) -> Vec<Prefix> {
    let tags: &[u8] = match kind {
        Kind::Key => &[keys::KEY, keys::USES],
        Kind::Enrolment => &[keys::ENROLMENT],
        Kind::Authority => &[keys::AUTHORITY],
        Kind::Revocation => &[keys::REVOCATION],
    };
    tags.iter().map(|tag| keys::of_tenant(*tag, tenant)).collect()
}

/// Keys and counts of a snapshot until both are complete: at most a tenant's quota of small records.
#[derive(Default)]
struct Snapshot {
    keys: BTreeMap<ProvisioningKeyName, Versioned<ProvisioningKey>>,
    uses: BTreeMap<ProvisioningKeyName, Versioned<Uses>>,
}

struct Follower {
    records: Records,
    snapshot: Snapshot,
}

impl Follower {
    async fn step(
        &mut self,
        item: WatchItem,
    ) -> Result<Option<(Vec<Watched>, Option<WatchStep>)>, StoreError> {
        Ok(match item {
            WatchItem::SnapshotRows(rows) => {
                let rows = self.snapshot_rows(&rows)?;
                (!rows.is_empty()).then_some((rows, None))
            }
            WatchItem::SnapshotEnd(revision) => {
                Some((self.joined_keys(), Some(WatchStep::SnapshotEnd(revision))))
            }
            WatchItem::Bookmark(revision) => {
                Some((Vec::new(), Some(WatchStep::Bookmark(revision))))
            }
            WatchItem::Commit { revision, changes } => {
                let seen = self.changes(revision, &changes).await?;
                Some((Vec::new(), Some(WatchStep::Commit { revision, seen })))
            }
        })
    }

    fn snapshot_rows(&mut self, rows: &[Row]) -> Result<Vec<Watched>, StoreError> {
        let mut watched = Vec::new();
        for row in rows {
            match row.key.tag() {
                keys::KEY => {
                    let key = decode::<StoredKey>(row)?;
                    self.snapshot.keys.insert(key.value.name.clone(), key);
                }
                keys::USES => {
                    self.snapshot.uses.insert(key_name(&row.key)?, decode::<StoredUses>(row)?);
                }
                keys::ENROLMENT => {
                    watched.push(Watched::Enrolment(decode::<StoredEnrolment>(row)?.value));
                }
                keys::AUTHORITY => {
                    watched.push(Watched::Authority(decode::<StoredAuthority>(row)?));
                }
                _ => watched.push(Watched::Revocation(decode::<StoredRevocation>(row)?.value)),
            }
        }
        Ok(watched)
    }

    fn joined_keys(&mut self) -> Vec<Watched> {
        let Snapshot { keys, mut uses } = std::mem::take(&mut self.snapshot);
        let join = |(name, key)| Some(Watched::Key(KeyRow { key, uses: uses.remove(&name)? }));
        keys.into_iter().filter_map(join).collect()
    }

    async fn changes(
        &self,
        revision: Revision,
        changes: &[Change],
    ) -> Result<Vec<Seen>, StoreError> {
        let mut seen = Vec::new();
        let mut keys_changed = BTreeMap::new();
        for change in changes {
            match change.key.tag() {
                keys::KEY => {
                    keys_changed.insert(key_name(&change.key)?, Some(change));
                }
                keys::USES => {
                    keys_changed.entry(key_name(&change.key)?).or_insert(None);
                }
                _ => seen.extend(single(revision, change)?),
            }
        }
        for (name, change) in keys_changed {
            seen.extend(self.key_change(revision, &name, change, changes).await?);
        }
        Ok(seen)
    }

    async fn key_change(
        &self,
        revision: Revision,
        name: &ProvisioningKeyName,
        change: Option<&Change>,
        all: &[Change],
    ) -> Result<Option<Seen>, StoreError> {
        let row = self.records.key(name, At::Revision(revision)).await?;
        let existed = change.is_none_or(|change| change.before.is_some());
        Ok(match (row, existed) {
            (Some(row), true) => Some(Seen::Modified(Watched::Key(row))),
            (Some(row), false) => Some(Seen::Added(Watched::Key(row))),
            (None, _) => gone_key(revision, change, all)?.map(Seen::Gone),
        })
    }
}

/// The last state of a purged key.
fn gone_key(
    revision: Revision,
    change: Option<&Change>,
    all: &[Change],
) -> Result<Option<Watched>, StoreError> {
    let Some((change, before)) = change.and_then(|c| Some((c, c.before.as_ref()?))) else {
        return Ok(None);
    };
    let value = decode_value::<StoredKey>(&change.key, before)?;
    let at_uses = keys::uses(&value.name);
    let uses = match all.iter().find(|c| c.key == at_uses).and_then(|c| c.before.as_ref()) {
        Some(bytes) => decode_value::<StoredUses>(&at_uses, bytes)?,
        None => Uses::default(),
    };
    let key = Versioned { value, revision };
    Ok(Some(Watched::Key(KeyRow { key, uses: Versioned { value: uses, revision } })))
}

/// A change of an object that is one row.
fn single(revision: Revision, change: &Change) -> Result<Option<Seen>, StoreError> {
    let watched = |bytes: &[u8]| -> Result<Watched, StoreError> {
        Ok(match change.key.tag() {
            keys::ENROLMENT => {
                Watched::Enrolment(decode_value::<StoredEnrolment>(&change.key, bytes)?)
            }
            keys::AUTHORITY => {
                let value = decode_value::<StoredAuthority>(&change.key, bytes)?;
                Watched::Authority(Versioned { value, revision })
            }
            _ => Watched::Revocation(decode_value::<StoredRevocation>(&change.key, bytes)?),
        })
    };
    Ok(match (&change.before, &change.after) {
        (None, Some(after)) => Some(Seen::Added(watched(after)?)),
        (Some(_), Some(after)) => Some(Seen::Modified(watched(after)?)),
        (Some(before), None) => Some(Seen::Gone(watched(before)?)),
        (None, None) => None,
    })
}

/// The key's name, from the place of its row or of its count's.
pub(super) fn key_name(key: &Key) -> Result<ProvisioningKeyName, StoreError> {
    let damaged = |problem: String| StoreError::Damaged { key: key.clone(), problem };
    let mut parts = key.parts();
    let mut id = || {
        let text = parts.text().map_err(|error| damaged(error.to_string()))?;
        Id::parse(&text).map_err(|error| damaged(error.to_string()))
    };
    Ok(ProvisioningKeyName::new(id()?, id()?))
}
