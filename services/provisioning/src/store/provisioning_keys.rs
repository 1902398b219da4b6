//! Keys, their use counts and their indexes.

use std::collections::VecDeque;

use ::store::{At, Commit, CommitError, Committed, IdempotencyKey, Key, Revision, ScanOptions};
use jiff::Timestamp;
use names::{AppConnectorGroupName, ProvisioningKeyName, TenantName};
use uuid::Uuid;

use super::{
    Lost, Records, StoreError, Versioned, keys, lost,
    pages::{Page, PageOf, Scan},
    parse_name,
    records::{StoredCounter, StoredKey, StoredPointer, StoredUses, encode},
};
use crate::domain::{key::ProvisioningKey, uses::Uses};

/// How often a write that lost a race against other keys of its tenant is tried again.
const MAX_RACES: usize = 64;

/// A key and its use count, of one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRow {
    pub(crate) key: Versioned<ProvisioningKey>,
    pub(crate) uses: Versioned<Uses>,
}

/// Which keys to list.
#[derive(Clone, Debug)]
pub(crate) struct KeyFilter {
    /// `None`: every tenant's.
    pub(crate) tenant: Option<TenantName>,
    pub(crate) group: Option<AppConnectorGroupName>,
    pub(crate) show_deleted: bool,
}

/// A key to be made.
pub(crate) struct CreateKey<'a> {
    pub(crate) key: &'a ProvisioningKey,
    /// Most live keys of the tenant.
    pub(crate) quota: u64,
    pub(crate) request: Option<IdempotencyKey>,
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
    IdTaken { deleted: bool },
    /// A live key has the display name.
    DisplayNameTaken { by: String },
    /// The tenant has as many live keys as it may.
    QuotaExceeded { quota: u64 },
    /// The key, or the count that the change depends on, changed meanwhile.
    Changed,
}

impl Records {
    /// One key with its use count.
    pub(crate) async fn key(
        &self,
        name: &ProvisioningKeyName,
        at: At,
    ) -> Result<Option<KeyRow>, StoreError> {
        // Two rows are read: what is published may move on between them.
        let at = match at {
            At::Published => At::Revision(self.published()),
            at => at,
        };
        let Some(key) = self.read::<StoredKey>(&keys::key(name), at).await? else {
            return Ok(None);
        };
        let uses = self.uses(name, at).await?;
        Ok(Some(KeyRow { key, uses }))
    }

    async fn uses(
        &self,
        name: &ProvisioningKeyName,
        at: At,
    ) -> Result<Versioned<Uses>, StoreError> {
        let at_key = keys::uses(name);
        self.read::<StoredUses>(&at_key, at).await?.ok_or_else(|| StoreError::Damaged {
            key: at_key,
            problem: "a key without a use count".to_owned(),
        })
    }

    /// The key that a secret claims to belong to.
    pub(crate) async fn key_by_uid(&self, uid: Uuid) -> Result<Option<KeyRow>, StoreError> {
        let at = keys::key_by_uid(uid);
        match self.follow(&at).await? {
            Some(name) => self.key(&parse_name(&at, &name)?, At::Published).await,
            None => Ok(None),
        }
    }

    /// A page of keys by name.
    pub(crate) async fn list_keys(
        &self,
        filter: &KeyFilter,
        page: PageOf,
    ) -> Result<Page<KeyRow>, StoreError> {
        let prefix = match &filter.group {
            Some(group) => keys::keys_of_group(group),
            None => keys::of_tenant(keys::KEY, filter.tenant.as_ref()),
        };
        let size = page.size;
        let mut scan = Scan::new(self, prefix, page);
        let mut items = Vec::with_capacity(size);
        loop {
            let mut rows: VecDeque<_> = scan.rows(self).await?.into();
            if rows.is_empty() {
                return Ok(scan.finish(items, None, false));
            }
            while let Some(row) = rows.pop_front() {
                let key = match filter.group {
                    Some(_) => self.key_behind(&row.key, &row.value, scan.at()).await?,
                    None => super::decode::<StoredKey>(&row)?,
                };
                if filter.show_deleted || key.value.deleted.is_none() {
                    let uses = self.uses(&key.value.name, scan.at()).await?;
                    items.push(KeyRow { key, uses });
                }
                if items.len() == size {
                    return Ok(scan.finish(items, Some(row.key), !rows.is_empty()));
                }
            }
        }
    }

    async fn key_behind(
        &self,
        index: &Key,
        pointer: &[u8],
        at: At,
    ) -> Result<Versioned<ProvisioningKey>, StoreError> {
        let name = super::decode_value::<StoredPointer>(index, pointer)?;
        let name: ProvisioningKeyName = parse_name(index, &name)?;
        self.read::<StoredKey>(&keys::key(&name), at).await?.ok_or_else(|| StoreError::Damaged {
            key: index.clone(),
            problem: "it points to a key that does not exist".to_owned(),
        })
    }

    /// Makes a key with no uses.
    pub(crate) async fn create_key(
        &self,
        create: CreateKey<'_>,
    ) -> Result<Result<NewKey, KeyConflict>, StoreError> {
        let CreateKey { key, quota, request, now } = create;
        let pointer = encode::<StoredPointer>(&key.name.to_string());
        let (at_key, at_name) = (keys::key(&key.name), at_display_name(key));
        for _ in 0..MAX_RACES {
            let count = self.key_count(&key.name).await?;
            if count.value >= quota {
                return Ok(Err(KeyConflict::QuotaExceeded { quota }));
            }
            let mut commit = Commit::new(now).require_absent(&at_key).require_absent(&at_name);
            commit = count.guarded_put(commit, count.value + 1);
            commit = commit
                .put(at_key.clone(), encode::<StoredKey>(key))
                .put(at_name.clone(), pointer.clone())
                .put(keys::uses(&key.name), encode::<StoredUses>(&Uses::default()))
                .put(keys::key_by_uid(key.uid), pointer.clone())
                .put(keys::key_by_group(&key.spec.group, &key.name), pointer.clone());
            if let Some(request) = request.clone() {
                commit = commit.idempotent(request, pointer.clone());
            }
            match self.store.commit(commit).await {
                Ok(done) => return made(&at_key, done).map(Ok),
                Err(CommitError::Precondition { index: 0, .. }) => {
                    let deleted = self.key(&key.name, At::Published).await?;
                    let deleted = deleted.is_some_and(|row| row.key.value.deleted.is_some());
                    return Ok(Err(KeyConflict::IdTaken { deleted }));
                }
                Err(CommitError::Precondition { index: 1, .. }) => {
                    let by = self.follow(&at_name).await?.unwrap_or_default();
                    return Ok(Err(KeyConflict::DisplayNameTaken { by }));
                }
                Err(CommitError::Precondition { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Err(KeyConflict::Changed))
    }

    /// The checks of [`Records::create_key`], without writing.
    pub(crate) async fn check_free(
        &self,
        key: &ProvisioningKey,
        quota: u64,
    ) -> Result<Result<(), KeyConflict>, StoreError> {
        if let Some(row) = self.key(&key.name, At::Published).await? {
            return Ok(Err(KeyConflict::IdTaken { deleted: row.key.value.deleted.is_some() }));
        }
        if let Some(by) = self.follow(&at_display_name(key)).await? {
            return Ok(Err(KeyConflict::DisplayNameTaken { by }));
        }
        if self.key_count(&key.name).await?.value >= quota {
            return Ok(Err(KeyConflict::QuotaExceeded { quota }));
        }
        Ok(Ok(()))
    }

    /// What an earlier run of the same request made, changed or deleted.
    pub(crate) async fn first_run(
        &self,
        request: &IdempotencyKey,
    ) -> Result<Option<FirstRun>, StoreError> {
        match self.store.find_committed(request).await? {
            Some(Committed { revision, replay: Some(pointer) }) => {
                let at = Key::builder(keys::KEY).finish();
                let name = super::decode_value::<StoredPointer>(&at, &pointer)?;
                Ok(Some(FirstRun { name: parse_name(&at, &name)?, revision }))
            }
            _ => Ok(None),
        }
    }

    /// Replaces a key by its changed self: configuration, or deletion. With `uses`, only if nobody used the key
    /// meanwhile. Answers the revision of the write; of a repeated request, that of the first.
    pub(crate) async fn change_key(
        &self,
        old: &Versioned<ProvisioningKey>,
        new: &ProvisioningKey,
        uses: Option<Revision>,
        request: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> Result<Result<Revision, KeyConflict>, StoreError> {
        let pointer = encode::<StoredPointer>(&new.name.to_string());
        let (old_name, new_name) = (at_display_name(&old.value), at_display_name(new));
        for _ in 0..MAX_RACES {
            let mut commit = Commit::new(now).require_revision(&keys::key(&new.name), old.revision);
            commit = commit.put(keys::key(&new.name), encode::<StoredKey>(new));
            if new_name != old_name {
                commit = commit.require_absent(&new_name).put(new_name.clone(), pointer.clone());
                commit = commit.delete(old_name.clone());
            }
            if let Some(uses) = uses {
                commit = commit.require_revision(&keys::uses(&new.name), uses);
            }
            if let (None, Some(deletion)) = (&old.value.deleted, &new.deleted) {
                let count = self.key_count(&new.name).await?;
                commit = count.guarded_put(commit, count.value.saturating_sub(1));
                let at_purge = keys::key_by_purge_time(deletion.purge_time, &new.name);
                commit = commit.delete(old_name.clone()).put(at_purge, pointer.clone());
            }
            if let Some(request) = request.clone() {
                commit = commit.idempotent(request, pointer.clone());
            }
            match self.store.commit(commit).await {
                Ok(done) => return Ok(Ok(done.revision)),
                Err(CommitError::Precondition { key, .. }) if key == new_name => {
                    let by = self.follow(&new_name).await?.unwrap_or_default();
                    return Ok(Err(KeyConflict::DisplayNameTaken { by }));
                }
                Err(CommitError::Precondition { key, .. })
                    if key == keys::key_count(&new.name.tenant) => {}
                Err(CommitError::Precondition { .. }) => return Ok(Err(KeyConflict::Changed)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Err(KeyConflict::Changed))
    }

    /// Removes the deleted keys whose time is over, at most `limit`; says how many there were.
    pub(crate) async fn purge_keys(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let options = ScanOptions { after: None, limit, at: At::Published };
        let page = self.store.scan(&keys::all_deleted_keys(), options).await?;
        let mut purged = 0;
        for row in page.rows {
            let due = row.key.parts().timestamp().map_err(|error| StoreError::Damaged {
                key: row.key.clone(),
                problem: error.to_string(),
            })?;
            if due > now {
                break;
            }
            let key = self.key_behind(&row.key, &row.value, At::Published).await?;
            if self.purge_key(&row.key, &key, now).await?.is_ok() {
                purged += 1;
            }
        }
        Ok(purged)
    }

    async fn purge_key(
        &self,
        index: &Key,
        key: &Versioned<ProvisioningKey>,
        now: Timestamp,
    ) -> Result<Result<(), Lost>, StoreError> {
        let ProvisioningKey { name, uid, spec, .. } = &key.value;
        let commit = Commit::new(now)
            .require_revision(&keys::key(name), key.revision)
            .delete(keys::key(name))
            .delete(keys::uses(name))
            .delete(keys::key_by_uid(*uid))
            .delete(keys::key_by_group(&spec.group, name))
            .delete(index.clone());
        Ok(lost(self.store.commit(commit).await)?.map(|_| ()))
    }

    async fn key_count(&self, name: &ProvisioningKeyName) -> Result<Counter, StoreError> {
        let at = keys::key_count(&name.tenant);
        self.counter(at).await
    }

    pub(super) async fn counter(&self, at: Key) -> Result<Counter, StoreError> {
        let found = self.read::<StoredCounter>(&at, At::Published).await?;
        let (value, revision) = found.map_or((0, None), |c| (c.value, Some(c.revision)));
        Ok(Counter { at, value, revision })
    }
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
    pub(super) fn guarded_put(&self, commit: Commit, next: u64) -> Commit {
        let commit = match self.revision {
            Some(revision) => commit.require_revision(&self.at, revision),
            None => commit.require_absent(&self.at),
        };
        commit.put(self.at.clone(), encode::<StoredCounter>(&next))
    }
}

/// What a commit of a new key says.
fn made(at: &Key, done: Committed) -> Result<NewKey, StoreError> {
    let Committed { revision, replay } = done;
    let Some(pointer) = replay else { return Ok(NewKey::Made(revision)) };
    let name = super::decode_value::<StoredPointer>(at, &pointer)?;
    Ok(NewKey::Replayed(FirstRun { name: parse_name(at, &name)?, revision }))
}

fn at_display_name(key: &ProvisioningKey) -> Key {
    keys::key_by_display_name(&key.name.tenant, &key.spec.display_name.folded())
}
