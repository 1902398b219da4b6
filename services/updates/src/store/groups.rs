//! The copy of registry's groups.
//!
//! Owns: one row a group, and of which life of registry the copy is. Always holds: what equals the copy is not written again.
//! Absent on purpose: following registry (`follow`), and asking it (`service::groups`).

use jiff::Timestamp;
use names::AppConnectorGroupName;
use resource::Fault;
use store::{At, Commit, ScanOptions};

use super::{Rows, keys, records::StoredGroup};
use crate::domain::group::Group;

/// Writes in one commit while the copy of the groups is brought up to date: below the store's own limit of 100.
const GROUPS_PER_COMMIT: usize = 50;

impl Rows {
    /// A group as registry told it last.
    pub(crate) async fn group(&self, name: &AppConnectorGroupName) -> Result<Option<Group>, Fault> {
        let row = self.store.get(&keys::group(name), At::Published).await?;
        Ok(row.map(|row| StoredGroup::read(name, &row.value)).transpose()?)
    }

    /// Takes over what registry says of these groups; writes only what differs.
    pub(crate) async fn put_groups(&self, groups: &[Group], now: Timestamp) -> Result<(), Fault> {
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
    pub(crate) async fn purge_group(
        &self,
        name: &AppConnectorGroupName,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let commit = Commit::new(now).delete(keys::group(name)).delete(keys::schedule(name));
        self.store.commit(commit).await?;
        Ok(())
    }

    /// The groups of the copy that are not deleted.
    pub(crate) async fn live_groups(&self) -> Result<Vec<AppConnectorGroupName>, Fault> {
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
    pub(crate) async fn replace_groups(
        &self,
        groups: &[Group],
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Fault> {
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
    pub(crate) async fn snapshot(&self) -> Result<Option<String>, Fault> {
        let row = self.store.get(&keys::snapshot(), At::Published).await?;
        Ok(row.map(|row| String::from_utf8_lossy(&row.value).into_owned()))
    }
}
