//! Deleting, softly, and sweeping after a delete with `force`.

use names::{AppConnectorGroupName, BelowTenant as _, Id, ServerGroupName, TenantName};
use rpc::access::Authorised;
use store::{At, Revision};

use super::{MAX_ATTEMPTS, Registry, Writing, update::expect_within};
use crate::{
    domain::{ConnectorSpec, GroupSpec, Kind, Resource, ServerGroupSpec, Spec},
    error::{Blocker, Error, MAX_BLOCKERS},
    store::{
        Changes, Found, Linked, Place, Rows, live_below, read_live_kind, read_sweep, sweep, sweeps,
    },
};

/// Most server groups that a group deleted with `force` remembers: its record stays below 64 KiB.
const MAX_FORMER_SERVER_GROUPS: usize = 400;

/// Objects that one step of a sweep clears. Each takes a commit of at most some 10 writes.
const SWEEP_STEP: usize = 100;

impl Registry {
    /// Soft-deletes an object that nothing depends on. A deleted one stays as it is.
    pub(crate) async fn delete<S: Linked>(
        &self,
        tenant: &Authorised<TenantName>,
        name: &S::Name,
        writing: &Writing,
    ) -> Result<Found<S>, Error> {
        expect_within::<S>(tenant, name)?;
        self.once(writing, self.decide_delete(tenant, name, writing)).await
    }

    async fn decide_delete<S: Linked>(
        &self,
        tenant: &TenantName,
        name: &S::Name,
        writing: &Writing,
    ) -> Result<Found<S>, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let before = match self.deletable::<S>(name, writing).await? {
                Standing::Live(before) => before,
                Standing::Deleted(found) => return Ok(found),
            };
            self.expect_unused::<S>(name).await?;
            let after = self.buried(&before);
            let turn = self.expect_coverage::<S>(name, Some(&before.resource.spec), None).await?;
            if writing.validate_only {
                return Ok(Found { resource: after, revision: Revision::ZERO });
            }
            let mut changes = Changes::new(self.now());
            changes.bury(&before, &after)?;
            self.require_unused::<S>(name, &mut changes);
            if let Some(turn) = &turn {
                turn.guard(&mut changes);
            }
            let departure = Some(self.population.leave(tenant, S::KIND));
            if let Some(made) = self.commit(changes, writing, after, departure).await? {
                if let Some(turn) = turn {
                    turn.done(made.revision);
                }
                self.settle(made.revision).await;
                return Ok(made);
            }
        }
        Err(Error::Contended)
    }

    /// Soft-deletes a group. Without `force` its keys, too, must be gone; with it, one commit ends the group, and
    /// [`sweep`](Self::sweep) clears what referred to it.
    pub(crate) async fn delete_group(
        &self,
        tenant: &Authorised<TenantName>,
        name: &AppConnectorGroupName,
        force: bool,
        writing: &Writing,
    ) -> Result<Found<GroupSpec>, Error> {
        if force {
            return self.force_delete_group(tenant, name, writing).await;
        }
        if let Some(first) = self.replay(writing).await? {
            return Ok(first);
        }
        if let Standing::Live(_) = self.deletable::<GroupSpec>(name, writing).await? {
            self.expect_no_keys(name).await?;
        }
        self.delete(tenant, name, writing).await
    }

    async fn force_delete_group(
        &self,
        tenant: &Authorised<TenantName>,
        name: &AppConnectorGroupName,
        writing: &Writing,
    ) -> Result<Found<GroupSpec>, Error> {
        expect_within::<GroupSpec>(tenant, name)?;
        self.once(writing, self.decide_force_delete(tenant, name, writing)).await
    }

    async fn decide_force_delete(
        &self,
        tenant: &TenantName,
        name: &AppConnectorGroupName,
        writing: &Writing,
    ) -> Result<Found<GroupSpec>, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let before = match self.deletable::<GroupSpec>(name, writing).await? {
                Standing::Live(before) => before,
                Standing::Deleted(found) => return Ok(found),
            };
            let mut after = self.buried(&before);
            after.given.former_server_groups = self.server_groups_of(name).await?;
            if writing.validate_only {
                return Ok(Found { resource: after, revision: Revision::ZERO });
            }
            let mut changes = Changes::new(self.now());
            changes.bury(&before, &after)?;
            changes.with(|commit| commit.put(sweep(name), ""));
            let departure = Some(self.population.leave(tenant, Kind::Group));
            if let Some(made) = self.commit(changes, writing, after, departure).await? {
                self.settle(made.revision).await;
                return Ok(made);
            }
        }
        Err(Error::Contended)
    }

    /// Clears what referred to groups deleted with `force`: members are deleted with their group, server groups lose
    /// it. Idempotent, in bounded steps; answers whether something is left to do.
    pub(crate) async fn sweep(&self) -> Result<bool, Error> {
        let page = self.rows.page(&sweeps(), None, SWEEP_STEP, At::Published).await?;
        let mut left = page.more;
        for group in page.rows.iter().filter_map(|row| read_sweep(&row.key)) {
            left |= self.sweep_group(&group).await?;
        }
        Ok(left)
    }

    async fn sweep_group(&self, group: &AppConnectorGroupName) -> Result<bool, Error> {
        let place = Rows::place::<GroupSpec>(group);
        let (sources, more) = self.rows.referring(&place, SWEEP_STEP).await?;
        for source in &sources {
            match source.kind {
                Kind::Connector => self.bury_member(source, group).await?,
                Kind::ServerGroup => self.strip_group(source, group).await?,
                Kind::Tenant | Kind::Group | Kind::Segment => {}
            }
        }
        if more {
            return Ok(true);
        }
        let mut changes = Changes::new(self.now());
        changes
            .with(|commit| commit.require_prefix_empty(&place.references()).delete(sweep(group)));
        match self.rows.store().commit(changes.finish()).await {
            Ok(_) => Ok(false),
            // Something referred to it until just now: the next step clears it.
            Err(store::CommitError::Precondition { .. }) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    async fn bury_member(
        &self,
        member: &Place,
        group: &AppConnectorGroupName,
    ) -> Result<(), Error> {
        let name = names::AppConnectorName::new(member.tenant.clone(), member.id.clone());
        let Some(before) = self.rows.get::<ConnectorSpec>(&name, At::Published).await? else {
            return Ok(());
        };
        if before.resource.is_deleted() || before.resource.given.app_connector_group != *group {
            return Ok(());
        }
        let mut after = self.buried(&before);
        after.given.deleted_with = Some(group.clone());
        let mut changes = Changes::new(self.now());
        changes.bury(&before, &after)?;
        let departure = Some(self.population.leave(&name.tenant(), Kind::Connector));
        self.commit(changes, &Writing::default(), after, departure).await?;
        Ok(())
    }

    async fn strip_group(
        &self,
        source: &Place,
        group: &AppConnectorGroupName,
    ) -> Result<(), Error> {
        let name = ServerGroupName::new(source.tenant.clone(), source.id.clone());
        let Some(before) = self.rows.get::<ServerGroupSpec>(&name, At::Published).await? else {
            return Ok(());
        };
        if before.resource.is_deleted() {
            return Ok(());
        }
        let mut after = before.resource.clone();
        after.spec.app_connector_groups.retain(|named| named != group);
        after.meta = after.meta.touched(self.now());
        let mut changes = Changes::new(self.now());
        changes.replace(&before, &after)?;
        self.commit(changes, &Writing::default(), after, None).await?;
        Ok(())
    }

    /// The object, with the caller's etag and message checked.
    async fn deletable<S: Spec>(
        &self,
        name: &S::Name,
        writing: &Writing,
    ) -> Result<Standing<S>, Error> {
        if !writing.problems.is_empty() {
            return Err(Error::Invalid(writing.problems.clone()));
        }
        let found = self.rows.get::<S>(name, At::Published).await?;
        let found = found.ok_or_else(|| Error::NotFound(S::KIND, name.to_string()))?;
        if found.resource.is_deleted() {
            return Ok(Standing::Deleted(found));
        }
        self.expect_etag(&found, writing)?;
        Ok(Standing::Live(found))
    }

    fn buried<S: Spec>(&self, before: &Found<S>) -> Resource<S> {
        Resource { meta: before.resource.meta.deleted(self.now()), ..before.resource.clone() }
    }

    /// Nothing may depend on it; everything that does is named.
    async fn expect_unused<S: Spec>(&self, name: &S::Name) -> Result<(), Error> {
        let (places, more) = match S::KIND {
            Kind::Tenant => self.live_children(&name.tenant()).await?,
            _ => self.rows.referring(&Rows::place::<S>(name), MAX_BLOCKERS).await?,
        };
        refuse_if_used::<S>(name, places.iter().map(blocker).collect(), more)
    }

    fn require_unused<S: Spec>(&self, name: &S::Name, changes: &mut Changes) {
        let prefix = match S::KIND {
            Kind::Tenant => live_below(&name.tenant()),
            _ => Rows::place::<S>(name).references(),
        };
        changes.with(|commit| commit.require_prefix_empty(&prefix));
    }

    async fn live_children(&self, tenant: &TenantName) -> Result<(Vec<Place>, bool), Error> {
        let page = self.rows.page(&live_below(tenant), None, MAX_BLOCKERS, At::Published).await?;
        let child = |row: &store::Row| {
            let id = Id::parse(std::str::from_utf8(&row.value).ok()?).ok()?;
            Some(Place::new(read_live_kind(&row.key)?, tenant, &id))
        };
        Ok((page.rows.iter().filter_map(child).collect(), page.more))
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
