//! What updates keeps: written schedules and policies, and a copy of what it must know of groups.
//!
//! Owns: keys, records, and the verbs in which the service reads and writes.
//! Always holds: a schedule belongs to the group with the uid it was written for, so a group that was purged and made
//! anew under the same name begins with the defaults.
//! Absent on purpose: anything computed. Windows and effective profiles follow from what is kept.

#[cfg(test)]
mod fuzz;
mod keys;
mod records;

use jiff::Timestamp;
use names::{AppConnectorGroupName, TenantName};
use store::{
    At, Commit, CommitError, IdempotencyKey, ReadError, ReplayError, Revision, ScanOptions, Store,
};

use crate::domain::{group::Group, policy::UpdatePolicy, schedule::Schedule};
pub use records::RecordError;
use records::{StoredGroup, StoredPolicy, StoredSchedule};

/// Writes in one commit while the copy of the groups is brought up to date: below the store's own limit of 100.
const GROUPS_PER_COMMIT: usize = 50;

/// Something that was written, with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<T> {
    /// What was written.
    pub value: T,
    /// The revision of its last write.
    pub revision: Revision,
    /// When it was last written.
    pub update_time: Timestamp,
}

/// Which version a write expects to replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing was written yet.
    Absent,
    /// Exactly this version.
    At(Revision),
}

impl<T> From<&Option<Kept<T>>> for Expected {
    fn from(kept: &Option<Kept<T>>) -> Self {
        kept.as_ref().map_or(Self::Absent, |kept| Self::At(kept.revision))
    }
}

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Writing failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Looking for the first success of a request failed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A record cannot be understood.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The service's verbs over the store.
#[derive(Clone)]
pub struct Keeper {
    store: Store,
}

impl Keeper {
    /// Over an open store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The store itself: epoch, published revision, health, close.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A group as registry told it last.
    pub async fn group(&self, name: &AppConnectorGroupName) -> Result<Option<Group>, StoreError> {
        let row = self.store.get(&keys::group(name), At::Published).await?;
        Ok(row.map(|row| StoredGroup::read(name, &row.value)).transpose()?)
    }

    /// The schedule that was written for this very group.
    pub async fn schedule(&self, group: &Group) -> Result<Option<Kept<Schedule>>, StoreError> {
        let row = self.store.get(&keys::schedule(&group.name), At::Published).await?;
        let Some(row) = row else { return Ok(None) };
        let stored = StoredSchedule::read(&row.value)?;
        Ok((stored.group_uid == group.uid).then_some(Kept {
            value: stored.schedule,
            revision: row.revision,
            update_time: stored.update_time,
        }))
    }

    /// The schedule as the first success of a request wrote it, if there was one.
    pub async fn first_schedule(
        &self,
        request: &IdempotencyKey,
    ) -> Result<Option<Kept<Schedule>>, StoreError> {
        let Some((value, revision)) = self.first(request).await? else { return Ok(None) };
        let stored = StoredSchedule::read(&value)?;
        Ok(Some(Kept { value: stored.schedule, revision, update_time: stored.update_time }))
    }

    /// The policy as the first success of a request wrote it, if there was one.
    pub async fn first_policy(
        &self,
        request: &IdempotencyKey,
    ) -> Result<Option<Kept<UpdatePolicy>>, StoreError> {
        let Some((value, revision)) = self.first(request).await? else { return Ok(None) };
        let stored = StoredPolicy::read(&value)?;
        Ok(Some(Kept { value: stored.policy, revision, update_time: stored.update_time }))
    }

    async fn first(
        &self,
        request: &IdempotencyKey,
    ) -> Result<Option<(bytes::Bytes, Revision)>, StoreError> {
        let first = self.store.find_committed(request).await?;
        Ok(first.and_then(|first| Some((first.replay?, first.revision))))
    }

    /// Writes a group's schedule. Of a repeated request: the first success, as it was written then.
    pub async fn write_schedule(
        &self,
        group: &Group,
        schedule: Schedule,
        expected: Expected,
        request: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> Result<Kept<Schedule>, StoreError> {
        let key = keys::schedule(&group.name);
        // What an earlier group of this name left behind is replaced like nothing at all.
        let leftover = match expected {
            Expected::Absent => self.store.get(&key, At::Published).await?,
            Expected::At(_) => None,
        };
        let expected = leftover.map_or(expected, |row| Expected::At(row.revision));
        let stored = StoredSchedule { group_uid: group.uid.clone(), schedule, update_time: now };
        let (value, revision) = self.write(key, stored.write()?, expected, request, now).await?;
        let stored = StoredSchedule::read(&value)?;
        Ok(Kept { value: stored.schedule, revision, update_time: stored.update_time })
    }

    /// The policy that was written for a tenant.
    pub async fn policy(
        &self,
        tenant: &TenantName,
    ) -> Result<Option<Kept<UpdatePolicy>>, StoreError> {
        let row = self.store.get(&keys::policy(tenant), At::Published).await?;
        let Some(row) = row else { return Ok(None) };
        let stored = StoredPolicy::read(&row.value)?;
        let (value, update_time) = (stored.policy, stored.update_time);
        Ok(Some(Kept { value, revision: row.revision, update_time }))
    }

    /// Writes a tenant's policy. Of a repeated request: the first success, as it was written then.
    pub async fn write_policy(
        &self,
        tenant: &TenantName,
        policy: UpdatePolicy,
        expected: Expected,
        request: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> Result<Kept<UpdatePolicy>, StoreError> {
        let stored = StoredPolicy { policy, update_time: now };
        let key = keys::policy(tenant);
        let (value, revision) = self.write(key, stored.write()?, expected, request, now).await?;
        let stored = StoredPolicy::read(&value)?;
        Ok(Kept { value: stored.policy, revision, update_time: stored.update_time })
    }

    /// One write; answers the value that stands (of a repeat, that of the first success) and its revision.
    async fn write(
        &self,
        key: store::Key,
        value: Vec<u8>,
        expected: Expected,
        request: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> Result<(Vec<u8>, Revision), StoreError> {
        let commit = match expected {
            Expected::Absent => Commit::new(now).require_absent(&key),
            Expected::At(revision) => Commit::new(now).require_revision(&key, revision),
        };
        let commit = match request {
            Some(request) => commit.idempotent(request, value.clone()),
            None => commit,
        };
        let done = self.store.commit(commit.put(key, value.clone())).await?;
        Ok((done.replay.map_or(value, |replay| replay.to_vec()), done.revision))
    }

    /// Takes over what registry says of these groups; writes only what differs.
    pub async fn put_groups(&self, groups: &[Group], now: Timestamp) -> Result<(), StoreError> {
        for chunk in groups.chunks(GROUPS_PER_COMMIT) {
            let mut commit = Commit::new(now);
            for group in chunk {
                if self.group(&group.name).await?.as_ref() != Some(group) {
                    commit = commit.put(keys::group(&group.name), StoredGroup::write(group)?);
                }
            }
            if !commit.is_empty() {
                self.store.commit(commit).await?;
            }
        }
        Ok(())
    }

    /// Forgets a purged group and its schedule.
    pub async fn purge_group(
        &self,
        name: &AppConnectorGroupName,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let commit = Commit::new(now).delete(keys::group(name)).delete(keys::schedule(name));
        self.store.commit(commit).await?;
        Ok(())
    }

    /// The groups of the copy that are not deleted.
    pub async fn live_groups(&self) -> Result<Vec<AppConnectorGroupName>, StoreError> {
        let mut live = Vec::new();
        let mut options = ScanOptions::default();
        loop {
            let page = self.store.scan(&keys::all_groups(), options).await?;
            for row in &page.rows {
                let name = keys::read_group(&row.key)?;
                if !StoredGroup::read(&name, &row.value)?.deleted {
                    live.push(name);
                }
            }
            let Some(last) = page.rows.last().filter(|_| page.more) else { return Ok(live) };
            let (after, at) = (Some(last.key.clone()), At::Revision(page.revision));
            options = ScanOptions { after, at, ..ScanOptions::default() };
        }
    }

    /// Takes over a whole snapshot: what is not in it no longer exists. `token` is kept when the snapshot is the first of a
    /// life of registry. Schedules stay where they are, bound to their group's uid, so that a registry that comes back
    /// wrongly empty costs no configuration here.
    pub async fn replace_groups(
        &self,
        groups: &[Group],
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let live: std::collections::BTreeSet<_> = groups.iter().map(|group| &group.name).collect();
        let mut options = ScanOptions::default();
        loop {
            let page = self.store.scan(&keys::all_groups(), options.clone()).await?;
            let mut gone = Vec::new();
            for row in &page.rows {
                if !live.contains(&keys::read_group(&row.key)?) {
                    gone.push(row.key.clone());
                }
            }
            for chunk in gone.chunks(GROUPS_PER_COMMIT) {
                let delete = |commit: Commit, key: &store::Key| commit.delete(key.clone());
                self.store.commit(chunk.iter().fold(Commit::new(now), delete)).await?;
            }
            let Some(last) = page.rows.last().filter(|_| page.more) else { break };
            options.after = Some(last.key.clone());
            options.at = At::Revision(page.revision);
        }
        self.put_groups(groups, now).await?;
        if let Some(token) = token {
            let token = token.to_owned();
            self.store.commit(Commit::new(now).put(keys::snapshot(), token)).await?;
        }
        Ok(())
    }

    /// A token of the life of registry that the copy is of; `None` before the first snapshot was ever taken over.
    pub async fn snapshot(&self) -> Result<Option<String>, StoreError> {
        let row = self.store.get(&keys::snapshot(), At::Published).await?;
        Ok(row.map(|row| String::from_utf8_lossy(&row.value).into_owned()))
    }
}

#[cfg(test)]
mod tests;
