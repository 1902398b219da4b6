//! Removing for good what was soft-deleted long enough ago.
//!
//! What names goes before what is named: a group stays until everything that referred to it is swept, a tenant until
//! nothing is left below it. A connector leaves a tombstone, since its id is never given out again.

use jiff::Timestamp;
use names::{BelowTenant as _, ResourceName as _};
use resource::{Fault, Write};
use rpc::access::Principal;
use store::{At, Commit, CommitError};

use super::Registry;
use crate::{
    domain::{Kind, Resource, for_each_kind},
    error::Error,
    store::{Changes, Found, Kept, Rows, objects, spent_connector_id},
};

/// Most objects of a kind that one step removes.
const PURGE_STEP: usize = 500;
/// The worker's name in history.
const WORKER: &str = "purge";

impl Registry {
    /// Removes what is due. Idempotent, in bounded steps; answers whether something is left to do.
    pub(crate) async fn purge(&self, now: Timestamp) -> Result<bool, Error> {
        let mut left = false;
        for &kind in Kind::ALL.iter().rev() {
            macro_rules! purge {
                ($($kind:ident: $spec:ty,)+) => {
                    match kind { $(Kind::$kind => left |= self.purge_kind::<$spec>(now).await?,)+ }
                };
            }
            for_each_kind!(purge);
        }
        Ok(left)
    }

    async fn purge_kind<S: Kept>(&self, now: Timestamp) -> Result<bool, Error> {
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
        let write = Write::own(Principal::worker(WORKER, "", ""), now);
        for found in &due {
            let commit = self.removal(found, &write, now).await?;
            match self.rows.store().commit(commit).await {
                Ok(_) => self.metrics.purged(S::KIND),
                // Taken back, or still in the way of something: looked at again with the next tick.
                Err(CommitError::Precondition { .. }) => {}
                Err(error) => return Err(Fault::from(error).into()),
            }
        }
        Ok(left)
    }

    async fn removal<S: Kept>(
        &self,
        found: &Found<S>,
        write: &Write,
        now: Timestamp,
    ) -> Result<Commit, Error> {
        let name = &found.resource.name;
        let (place, tenant) = (Rows::place::<S>(name), name.tenant());
        let object = place.object();
        let commit = Commit::new(now)
            .require_revision(&object, found.revision)
            .require_prefix_empty(&place.references())
            .delete(object);
        let commit = S::KIND.below().fold(commit, |commit, kind| {
            commit.require_prefix_empty(&objects(kind, Some(&tenant)))
        });
        let commit = match S::ABOUT.id_is_spent {
            true => {
                let (tenant, id) = (tenant.id().clone(), name.last_id().clone());
                commit.put(spent_connector_id(&names::AppConnectorName::new(tenant, id)), "")
            }
            false => commit,
        };
        // The last time that anything is remembered of it.
        let meta = found.resource.meta.touched(now);
        let gone = Resource { meta, ..found.resource.clone() };
        let uid = self.uid_of(&tenant).await?;
        let changes = Changes::from(commit).by(self.author(write, uid), Some(found), &gone)?;
        Ok(changes.finish())
    }
}
