//! Deleting, softly.

use jiff::Timestamp;
use names::{AppConnectorGroupName, BelowTenant as _, ServerGroupName};
use resource::{Fault, Tries, Write, record};
use rpc::access::Authorised;
use store::{At, Revision};

use super::{Counted, Registry};
use crate::{
    domain::{GroupSpec, Kind, Resource, Spec},
    error::{Blocker, Error, MAX_BLOCKERS},
    store::{AsWritten, Cause, Changes, Found, Kept, Place, Rows, live_of, read_guard, sweep},
};

/// Most server groups that a group deleted with `force` remembers: its record stays below 64 KiB.
const MAX_FORMER_SERVER_GROUPS: usize = 400;

impl Registry {
    /// Soft-deletes an object that nothing depends on. A deleted one stays as it is.
    pub(crate) async fn delete<S: Kept>(
        &self,
        name: &Authorised<S::Name>,
        write: &Write,
    ) -> Result<Found<S>, Error> {
        self.once(write, self.decide_delete::<S>(name, write)).await
    }

    async fn decide_delete<S: Kept>(
        &self,
        name: &S::Name,
        write: &Write,
    ) -> Result<Found<S>, Error> {
        let mut tries = Tries::default();
        loop {
            let before = match self.deletable::<S>(name, write).await? {
                Standing::Live(before) => before,
                Standing::Deleted(found) => return Ok(found),
            };
            self.expect_unused::<S>(name).await?;
            let after = Self::soft_deleting(&before, write.now);
            let turn = self.expect_coverage(name, Some(&before.resource.spec), None).await?;
            if write.validate_only {
                return Ok(Found::made(after, Revision::ZERO));
            }
            let uid = self.uid_of(&name.tenant()).await?;
            let changes = Changes::new(write.now).soft_delete(&before, &after)?;
            let changes = changes.by(self.author(write, uid), Some(&before), &after)?;
            let mut changes = require_unused::<S>(name, changes);
            if let Some(turn) = &turn {
                changes = turn.guard(changes);
            }
            if let Some(made) = self.commit(changes, write, after, Counted::Leaves).await? {
                if let Some(turn) = turn {
                    turn.done(made.revision);
                }
                self.settle(made.revision).await;
                return Ok(made);
            }
            tries.lost().await?;
        }
    }

    /// Soft-deletes a group. Without `force` its keys, too, must be gone; with it, one commit ends the group, and
    /// [`sweep`](Self::sweep) clears what referred to it.
    pub(crate) async fn delete_group(
        &self,
        name: &Authorised<AppConnectorGroupName>,
        force: bool,
        write: &Write,
    ) -> Result<Found<GroupSpec>, Error> {
        self.once(write, self.decide_delete_group(name, force, write)).await
    }

    async fn decide_delete_group(
        &self,
        name: &Authorised<AppConnectorGroupName>,
        force: bool,
        write: &Write,
    ) -> Result<Found<GroupSpec>, Error> {
        if force {
            return self.force_delete_group(name, write).await;
        }
        if let Standing::Live(_) = self.deletable::<GroupSpec>(name, write).await? {
            self.expect_no_keys(name).await?;
        }
        self.decide_delete::<GroupSpec>(name, write).await
    }

    async fn force_delete_group(
        &self,
        name: &AppConnectorGroupName,
        write: &Write,
    ) -> Result<Found<GroupSpec>, Error> {
        let mut tries = Tries::default();
        loop {
            let before = match self.deletable::<GroupSpec>(name, write).await? {
                Standing::Live(before) => before,
                Standing::Deleted(found) => return Ok(found),
            };
            let mut after = Self::soft_deleting(&before, write.now);
            after.server_fields.former_server_groups = self.server_groups_of(name).await?;
            if write.validate_only {
                return Ok(Found::made(after, Revision::ZERO));
            }
            let uid = self.uid_of(&name.tenant()).await?;
            let by = &write.by;
            let (method, request_id) = (by.method.to_string(), by.request_id.to_string());
            let cause = record::encode::<AsWritten<Cause>>(&Cause { method, request_id });
            let cause = cause.map_err(Fault::from)?;
            let changes = Changes::new(write.now).soft_delete(&before, &after)?;
            let changes = changes.by(self.author(write, uid), Some(&before), &after)?;
            let changes = changes.with(|commit| commit.put(sweep(name), cause));
            if let Some(made) = self.commit(changes, write, after, Counted::Leaves).await? {
                self.swept.notify();
                self.settle(made.revision).await;
                return Ok(made);
            }
            tries.lost().await?;
        }
    }

    /// The object, with the caller's etag checked.
    async fn deletable<S: Kept>(
        &self,
        name: &S::Name,
        write: &Write,
    ) -> Result<Standing<S>, Error> {
        let found = self.rows.get::<S>(name, At::Published).await?;
        let found = found.ok_or_else(|| Error::NotFound(S::KIND, name.to_string()))?;
        if found.resource.is_deleted() {
            return Ok(Standing::Deleted(found));
        }
        self.expect_etag(&found, write)?;
        Ok(Standing::Live(found))
    }

    pub(super) fn soft_deleting<S: Spec>(before: &Found<S>, now: Timestamp) -> Resource<S> {
        Resource { meta: before.resource.meta.deleted(now), ..before.resource.clone() }
    }

    /// Nothing may depend on it or stand below it; everything that does is named.
    async fn expect_unused<S: Spec>(&self, name: &S::Name) -> Result<(), Error> {
        let (mut places, mut more) =
            self.rows.referring(&Rows::place::<S>(name), MAX_BLOCKERS).await?;
        let tenant = name.tenant();
        for kind in S::KIND.below() {
            let page =
                self.rows.page(&live_of(kind, &tenant), None, MAX_BLOCKERS, At::Published).await?;
            places.extend(page.rows.iter().filter_map(|row| read_guard(&row.key)));
            more |= page.more;
        }
        refuse_if_used::<S>(name, places.iter().map(blocker).collect(), more)
    }

    /// Members and server groups are registry's own and named by [`expect_unused`](Self::expect_unused); keys are asked
    /// of their owner, and named together with the others.
    async fn expect_no_keys(&self, group: &AppConnectorGroupName) -> Result<(), Error> {
        let place = Rows::place::<GroupSpec>(group);
        let (sources, more) = self.rows.referring(&place, MAX_BLOCKERS).await?;
        let mut blockers: Vec<Blocker> = sources.iter().map(blocker).collect();
        let keys = self.keys.of_group(group).await;
        let keys = keys.map_err(|error| {
            tracing::warn!(%error, %group, "provisioning was not asked for keys");
            Error::KeysUnknown(group.to_string())
        })?;
        let key = |name| Blocker { resource_type: names::ProvisioningKeyName::TYPE, name };
        blockers.extend(keys.into_iter().map(key));
        refuse_if_used::<GroupSpec>(group, blockers, more)
    }

    async fn server_groups_of(
        &self,
        group: &AppConnectorGroupName,
    ) -> Result<Vec<ServerGroupName>, Error> {
        let place = Rows::place::<GroupSpec>(group);
        let prefix = place.references_from(Kind::ServerGroup);
        let page = self.rows.page(&prefix, None, MAX_FORMER_SERVER_GROUPS, At::Published).await?;
        let name = |row: &store::Row| {
            let source = Place::read_source(&row.key).ok()??;
            Some(ServerGroupName::new(source.tenant, source.id))
        };
        Ok(page.rows.iter().filter_map(name).collect())
    }
}

enum Standing<S: Spec> {
    Live(Found<S>),
    Deleted(Found<S>),
}

fn require_unused<S: Spec>(name: &S::Name, changes: Changes) -> Changes {
    let references = Rows::place::<S>(name).references();
    let changes = changes.with(|commit| commit.require_prefix_empty(&references));
    let tenant = name.tenant();
    S::KIND.below().fold(changes, |changes, kind| {
        changes.with(|commit| commit.require_prefix_empty(&live_of(kind, &tenant)))
    })
}

fn blocker(place: &Place) -> Blocker {
    Blocker { resource_type: place.kind.resource_type(), name: place.name() }
}

fn refuse_if_used<S: Spec>(
    name: &S::Name,
    mut blockers: Vec<Blocker>,
    more: bool,
) -> Result<(), Error> {
    if blockers.is_empty() {
        return Ok(());
    }
    let more = more || blockers.len() > MAX_BLOCKERS;
    blockers.truncate(MAX_BLOCKERS);
    Err(Error::Referenced { kind: S::KIND, name: name.to_string(), blockers, more })
}
