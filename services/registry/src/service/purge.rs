//! Removing for good what was soft-deleted long enough ago.
//!
//! What names goes before what is named: a group stays until everything that referred to it is swept, a tenant until
//! nothing is left below it. A connector leaves a tombstone, since its id is never given out again.

use jiff::Timestamp;
use names::{BelowTenant as _, ResourceName as _};
use store::{At, Commit, CommitError};

use super::Registry;
use crate::{
    domain::{ConnectorSpec, GroupSpec, Kind, SegmentSpec, ServerGroupSpec, Spec, TenantSpec},
    error::Error,
    store::{Found, Rows, objects, spent_connector_id},
};

/// Most objects of a kind that one step removes.
const PURGE_STEP: usize = 500;

impl Registry {
    /// Removes what is due. Idempotent, in bounded steps; answers whether something is left to do.
    pub(crate) async fn purge(&self, now: Timestamp) -> Result<bool, Error> {
        let mut left = self.purge_kind::<SegmentSpec>(now).await?;
        left |= self.purge_kind::<ServerGroupSpec>(now).await?;
        left |= self.purge_kind::<ConnectorSpec>(now).await?;
        left |= self.purge_kind::<GroupSpec>(now).await?;
        left |= self.purge_kind::<TenantSpec>(now).await?;
        Ok(left)
    }

    async fn purge_kind<S: Spec>(&self, now: Timestamp) -> Result<bool, Error> {
        let mut due = Vec::new();
        let mut left = false;
        self.rows
            .each::<S>(None, At::Published, |found| {
                let is_due = found.resource.meta.purge_time.is_some_and(|time| time <= now);
                match is_due {
                    true if due.len() < PURGE_STEP => due.push(found),
                    due_too => left |= due_too,
                }
            })
            .await?;
        for found in &due {
            match self.rows.store().commit(remove(found, now)).await {
                Ok(_) => self.metrics.purged(S::KIND),
                // Taken back, or still in the way of something: looked at again with the next tick.
                Err(CommitError::Precondition { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(left)
    }
}

fn remove<S: Spec>(found: &Found<S>, now: Timestamp) -> Commit {
    let name = &found.resource.name;
    let place = Rows::place::<S>(name);
    let object = place.object();
    let commit = Commit::new(now)
        .require_revision(&object, found.revision)
        .require_prefix_empty(&place.references())
        .delete(object);
    let tenant = name.tenant();
    match S::KIND {
        Kind::Connector => {
            let id = name.last_id().clone();
            let connector = names::AppConnectorName::new(tenant.id().clone(), id);
            commit.put(spent_connector_id(&connector), "")
        }
        Kind::Tenant => Kind::ALL
            .into_iter()
            .filter(|kind| *kind != Kind::Tenant)
            .fold(commit, |commit, kind| {
                commit.require_prefix_empty(&objects(kind, Some(&tenant)))
            }),
        Kind::Group | Kind::ServerGroup | Kind::Segment => commit,
    }
}
