//! Keys, their use counts and their indexes.

use std::collections::HashMap;

use ::store::{
    At, Commit, CommitError, Committed, IdempotencyKey, Key, MAX_SCAN_ROWS, Revision, Row,
    ScanOptions,
};
use jiff::Timestamp;
use names::{AppConnectorGroupName, Id, ProvisioningKeyName, TenantName};
use resource::{Fault, Tries, history::History, record::encode};
use rpc::access::Principal;
use uuid::Uuid;

use super::{
    Author, Found, Lost, Rows, damaged, keys, lost, parse_name,
    records::{KeptKey, StoredCounter, StoredKey, StoredPointer, StoredUses},
    shelf,
};
use crate::domain::{key::ProvisioningKey, secret::SecretHash, uses::Uses};

/// Keys of a group that are read at once.
const GROUP_PAGE: usize = 100;

/// How often a write that moves the tenant's count of keys is tried: as many keys may be made or deleted at once, each of which moves
/// it.
pub(crate) const MAX_COUNT_TRIES: u32 = 64;

/// A key, what tells its secret from others, and its use count, of one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRow {
    pub(crate) key: Found<ProvisioningKey>,
    pub(crate) secret: SecretHash,
    pub(crate) uses: Found<Uses>,
}

/// A key to be made.
pub(crate) struct CreateKey<'a> {
    pub(crate) key: &'a ProvisioningKey,
    pub(crate) secret: SecretHash,
    /// Most live keys of the tenant.
    pub(crate) quota: u64,
    pub(crate) request: Option<IdempotencyKey>,
    pub(crate) author: Author<'a>,
    pub(crate) now: Timestamp,
}

/// A key to be replaced by its changed self: configuration, or deletion.
pub(crate) struct ChangeKey<'a> {
    pub(crate) old: &'a KeyRow,
    pub(crate) new: &'a ProvisioningKey,
    /// Only if nobody used the key meanwhile.
    pub(crate) if_unused: bool,
    pub(crate) request: Option<IdempotencyKey>,
    pub(crate) author: Author<'a>,
    pub(crate) now: Timestamp,
}

/// What a create came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NewKey {
    /// Made now.
    Made(Revision),
    /// Made by the first run of the same request.
    Replayed(FirstRun),
}

/// What the first run of a request wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FirstRun {
    pub(crate) name: ProvisioningKeyName,
    pub(crate) revision: Revision,
}

/// Why a key was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyConflict {
    /// The id is taken, by a deleted key if `deleted`.
    IdTaken { name: ProvisioningKeyName, deleted: bool },
    /// A live key has the display name.
    DisplayNameTaken { by: String },
    /// The tenant has as many live keys as it may.
    QuotaExceeded { quota: u64 },
}

impl Rows {
    /// One key with its use count.
    pub(crate) async fn key(
        &self,
        name: &ProvisioningKeyName,
        at: At,
    ) -> Result<Option<KeyRow>, Fault> {
        // Two rows are read: what is published may move on between them.
        let at = match at {
            At::Published => At::Revision(self.published()),
            at => at,
        };
        match self.store.get(&keys::key(name), at).await? {
            Some(row) => Ok(Some(self.key_in(&row, at).await?)),
            None => Ok(None),
        }
    }

    /// The key in its row, or that an index row points to, with its count at a revision.
    pub(crate) async fn key_in(&self, row: &Row, at: At) -> Result<KeyRow, Fault> {
        if row.key.tag() != keys::KEY {
            let name = super::decode_value::<StoredPointer>(&row.key, &row.value)?;
            let name: ProvisioningKeyName = parse_name(&row.key, &name)?;
            let found = self.store.get(&keys::key(&name), at).await?;
            let lacking = || damaged(&row.key, "it points to a key that does not exist");
            return Box::pin(self.key_in(&found.ok_or_else(lacking)?, at)).await;
        }
        let Found { value: KeptKey { key, secret }, revision } = super::decode::<StoredKey>(row)?;
        let uses = self.uses(&key.name, at).await?;
        Ok(KeyRow { key: Found { value: key, revision }, secret, uses })
    }

    async fn uses(&self, name: &ProvisioningKeyName, at: At) -> Result<Found<Uses>, Fault> {
        let place = keys::uses(name);
        let found = self.read::<StoredUses>(&place, at).await?;
        found.ok_or_else(|| damaged(&place, "a key without a use count"))
    }

    /// The key that a secret claims to belong to.
    pub(crate) async fn key_by_uid(&self, uid: Uuid) -> Result<Option<KeyRow>, Fault> {
        let at = keys::key_by_uid(uid);
        match self.follow(&at).await? {
            Some(name) => self.key(&parse_name(&at, &name)?, At::Published).await,
            None => Ok(None),
        }
    }

    /// Live keys of a group after one of its index rows, and where the next page goes on.
    pub(crate) async fn live_keys_of_group(
        &self,
        group: &AppConnectorGroupName,
        after: Option<Key>,
    ) -> Result<(Vec<KeyRow>, Option<Key>), Fault> {
        let at = At::Revision(self.published());
        let options = ScanOptions { after, limit: GROUP_PAGE, at };
        let page = self.store.scan(&keys::keys_of_group(group), options).await?;
        let mut found = Vec::with_capacity(page.rows.len());
        for row in &page.rows {
            found.push(self.key_in(row, at).await?);
        }
        found.retain(|row| row.key.value.deleted.is_none());
        let last = page.rows.last().map(|row| row.key.clone());
        Ok((found, last.filter(|_| page.more)))
    }

    /// The counts of a tenant's keys, by id.
    pub(crate) async fn uses_of(
        &self,
        tenant: &TenantName,
        at: At,
    ) -> Result<HashMap<Id, Uses>, Fault> {
        let (mut found, mut after, mut at) = (HashMap::new(), None, at);
        loop {
            let options = ScanOptions { after, limit: MAX_SCAN_ROWS, at };
            let page = self.store.scan(&keys::of_tenant(keys::USES, Some(tenant)), options).await?;
            for row in &page.rows {
                let name = super::watch::key_name(&row.key)?;
                found.insert(name.provisioning_key, super::decode::<StoredUses>(row)?.value);
            }
            if !page.more {
                return Ok(found);
            }
            at = At::Revision(page.revision);
            after = page.rows.last().map(|row| row.key.clone());
        }
    }

    /// How many live keys a tenant has.
    pub(crate) async fn live_keys(&self, tenant: &TenantName, at: At) -> Result<u64, Fault> {
        let count = self.read::<StoredCounter>(&keys::key_count(tenant.id()), at).await?;
        Ok(count.map_or(0, |count| count.value))
    }

    /// Makes a key with no uses.
    pub(crate) async fn create_key(
        &self,
        create: CreateKey<'_>,
    ) -> Result<Result<NewKey, KeyConflict>, Fault> {
        let at_name = at_display_name(create.key);
        let mut tries = Tries::up_to(MAX_COUNT_TRIES);
        loop {
            let count = self.key_count(&create.key.name).await?;
            if count.value >= create.quota {
                return Ok(Err(KeyConflict::QuotaExceeded { quota: create.quota }));
            }
            match self.store.commit(new_key(&create, &count)?).await {
                Ok(done) => return made(&keys::key(&create.key.name), done).map(Ok),
                Err(CommitError::Precondition { index: 0, .. }) => {
                    let name = create.key.name.clone();
                    let there = self.key(&name, At::Published).await?;
                    let deleted = there.is_some_and(|row| row.key.value.deleted.is_some());
                    return Ok(Err(KeyConflict::IdTaken { name, deleted }));
                }
                Err(CommitError::Precondition { index: 1, .. }) => {
                    let by = self.follow(&at_name).await?.unwrap_or_default();
                    return Ok(Err(KeyConflict::DisplayNameTaken { by }));
                }
                // Another key of the tenant moved the count.
                Err(CommitError::Precondition { .. }) => tries.lost().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The checks of [`Rows::create_key`], without writing.
    pub(crate) async fn check_free(
        &self,
        key: &ProvisioningKey,
        quota: u64,
    ) -> Result<Result<(), KeyConflict>, Fault> {
        if let Some(row) = self.key(&key.name, At::Published).await? {
            let deleted = row.key.value.deleted.is_some();
            return Ok(Err(KeyConflict::IdTaken { name: key.name.clone(), deleted }));
        }
        if let Some(by) = self.follow(&at_display_name(key)).await? {
            return Ok(Err(KeyConflict::DisplayNameTaken { by }));
        }
        if self.key_count(&key.name).await?.value >= quota {
            return Ok(Err(KeyConflict::QuotaExceeded { quota }));
        }
        Ok(Ok(()))
    }

    /// What the first run of a request wrote, from what was remembered of it.
    pub(crate) fn first_run(answer: &[u8], revision: Revision) -> Result<FirstRun, Fault> {
        let at = Key::builder(keys::KEY).finish();
        let name = super::decode_value::<StoredPointer>(&at, answer)?;
        Ok(FirstRun { name: parse_name(&at, &name)?, revision })
    }

    /// Replaces a key by its changed self. Answers the revision of the write; of a repeated request, that of the first; [`Lost`]
    /// if the key, or a count that the change depends on, changed meanwhile.
    pub(crate) async fn change_key(
        &self,
        change: ChangeKey<'_>,
    ) -> Result<Result<Result<Revision, Lost>, KeyConflict>, Fault> {
        let new_name = at_display_name(change.new);
        let is_deletion = change.old.key.value.deleted.is_none() && change.new.deleted.is_some();
        let count = match is_deletion {
            true => Some(self.key_count(&change.new.name).await?),
            false => None,
        };
        match self.store.commit(changed_key(&change, count.as_ref())?).await {
            Ok(done) => Ok(Ok(Ok(done.revision))),
            Err(CommitError::Precondition { key, .. }) if key == new_name => {
                let by = self.follow(&new_name).await?.unwrap_or_default();
                Ok(Err(KeyConflict::DisplayNameTaken { by }))
            }
            other => Ok(Ok(lost(other)?.map(|done| done.revision))),
        }
    }

    /// Removes the deleted keys whose time is over, at most `limit`; says how many there were. History remembers `by` whom.
    pub(crate) async fn purge_keys(
        &self,
        now: Timestamp,
        limit: usize,
        (history, by): (&History, &Principal),
    ) -> Result<usize, Fault> {
        let options = ScanOptions { after: None, limit, at: At::Published };
        let page = self.store.scan(&keys::all_deleted_keys(), options).await?;
        let mut purged = 0;
        for row in page.rows {
            let due = row.key.parts().timestamp().map_err(|error| damaged(&row.key, error))?;
            if due > now {
                break;
            }
            let key = self.key_in(&row, At::Published).await?.key;
            let commit = removal(&row.key, &key, now);
            // The tenant may have been made anew since, or the key deleted before anything was remembered.
            let tenant = self.tenant_uid(&key.value.name.tenant()).await?.unwrap_or_default();
            let (id, uid) = (key.value.name.id().as_str(), key.value.uid);
            let commit = match history.knows(shelf(tenant), id, uid).await? {
                true => {
                    let update_time = key.value.next_write(now);
                    let gone = ProvisioningKey { update_time, ..key.value.clone() };
                    Author { history, by, tenant }.remember(commit, Some(&key), &gone)?
                }
                false => commit,
            };
            if lost(self.store.commit(commit).await)?.is_ok() {
                purged += 1;
            }
        }
        Ok(purged)
    }

    async fn key_count(&self, name: &ProvisioningKeyName) -> Result<Counter, Fault> {
        self.counter(keys::key_count(&name.tenant)).await
    }

    pub(super) async fn counter(&self, at: Key) -> Result<Counter, Fault> {
        let found = self.read::<StoredCounter>(&at, At::Published).await?;
        let (value, revision) = found.map_or((0, None), |c| (c.value, Some(c.revision)));
        Ok(Counter { at, value, revision })
    }
}

/// Takes a deleted key away with everything that leads to it.
fn removal(index: &Key, key: &Found<ProvisioningKey>, now: Timestamp) -> Commit {
    let ProvisioningKey { name, uid, spec, .. } = &key.value;
    Commit::new(now)
        .require_revision(&keys::key(name), key.revision)
        .delete(keys::key(name))
        .delete(keys::uses(name))
        .delete(keys::key_by_uid(*uid))
        .delete(keys::key_by_group(&spec.group, name))
        .delete(index.clone())
}

/// A count as it was read.
#[derive(Debug)]
pub(super) struct Counter {
    at: Key,
    pub(super) value: u64,
    revision: Option<Revision>,
}

impl Counter {
    /// Puts `next`, if the count is still what was read.
    pub(super) fn guarded_put(&self, commit: Commit, next: u64) -> Result<Commit, Fault> {
        let commit = match self.revision {
            Some(revision) => commit.require_revision(&self.at, revision),
            None => commit.require_absent(&self.at),
        };
        Ok(commit.put(self.at.clone(), encode::<StoredCounter>(&next)?))
    }
}

/// A new key with everything that leads to it. The first two preconditions are its id and its display name.
fn new_key(create: &CreateKey<'_>, count: &Counter) -> Result<Commit, Fault> {
    let CreateKey { key, secret, quota: _, request, author, now } = create;
    let kept = KeptKey { key: (*key).clone(), secret: *secret };
    let pointer = encode::<StoredPointer>(&key.name.to_string())?;
    let (at_key, at_name) = (keys::key(&key.name), at_display_name(key));
    let mut commit = Commit::new(*now).require_absent(&at_key).require_absent(&at_name);
    commit = count.guarded_put(commit, count.value + 1)?;
    commit = commit
        .put(at_key, encode::<StoredKey>(&kept)?)
        .put(at_name, pointer.clone())
        .put(keys::uses(&key.name), encode::<StoredUses>(&Uses::default())?)
        .put(keys::key_by_uid(key.uid), pointer.clone())
        .put(keys::key_by_group(&key.spec.group, &key.name), pointer.clone());
    commit = author.remember(commit, None, key)?;
    Ok(match request.clone() {
        Some(request) => commit.idempotent(request, pointer),
        None => commit,
    })
}

/// A changed key. With a count the change is its deletion, which the count loses.
fn changed_key(change: &ChangeKey<'_>, count: Option<&Counter>) -> Result<Commit, Fault> {
    let ChangeKey { old, new, if_unused, request, author, now } = change;
    let kept = KeptKey { key: (*new).clone(), secret: old.secret };
    let pointer = encode::<StoredPointer>(&new.name.to_string())?;
    let (old_name, new_name) = (at_display_name(&old.key.value), at_display_name(new));
    let mut commit = Commit::new(*now).require_revision(&keys::key(&new.name), old.key.revision);
    commit = commit.put(keys::key(&new.name), encode::<StoredKey>(&kept)?);
    if new_name != old_name {
        commit = commit.require_absent(&new_name).put(new_name, pointer.clone());
        commit = commit.delete(old_name.clone());
    }
    if *if_unused {
        commit = commit.require_revision(&keys::uses(&new.name), old.uses.revision);
    }
    if let (Some(count), Some(deletion)) = (count, &new.deleted) {
        commit = count.guarded_put(commit, count.value.saturating_sub(1))?;
        let at_purge = keys::key_by_purge_time(deletion.purge_time, &new.name);
        commit = commit.delete(old_name).put(at_purge, pointer.clone());
    }
    commit = author.remember(commit, Some(&old.key), new)?;
    Ok(match request.clone() {
        Some(request) => commit.idempotent(request, pointer),
        None => commit,
    })
}

/// What a commit of a new key says.
fn made(at: &Key, done: Committed) -> Result<NewKey, Fault> {
    let Committed { revision, replay } = done;
    let Some(pointer) = replay else { return Ok(NewKey::Made(revision)) };
    let name = super::decode_value::<StoredPointer>(at, &pointer)?;
    Ok(NewKey::Replayed(FirstRun { name: parse_name(at, &name)?, revision }))
}

fn at_display_name(key: &ProvisioningKey) -> Key {
    keys::key_by_display_name(&key.name.tenant, &key.spec.display_name.folded())
}
