//! Taking a soft delete back.

use names::TenantName;
use rpc::access::Authorised;
use store::{At, Revision};

use super::{MAX_ATTEMPTS, Registry, Writing, update::expect_within};
use crate::{
    domain::{Resource, Spec},
    error::Error,
    store::{Changes, Found, Linked},
};

impl Registry {
    /// Brings a soft-deleted object back as it was. What it refers to must live, its display name must be free, and a
    /// segment's names too.
    pub(crate) async fn undelete<S: Linked>(
        &self,
        tenant: &Authorised<TenantName>,
        name: &S::Name,
        writing: &Writing,
    ) -> Result<Found<S>, Error> {
        expect_within::<S>(tenant, name)?;
        self.once(writing, self.decide_undelete(tenant, name, writing)).await
    }

    async fn decide_undelete<S: Linked>(
        &self,
        tenant: &TenantName,
        name: &S::Name,
        writing: &Writing,
    ) -> Result<Found<S>, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let before = self.buried_one::<S>(name, writing).await?;
            let meta = before.resource.meta.undeleted(self.now());
            let after = Resource { meta, ..before.resource.clone() };
            self.expect_tenant::<S>(name).await?;
            self.expect_unique::<S>(name, after.spec.display_name()).await?;
            self.expect_references(None, &after).await?;
            let turn = self.expect_coverage(name, None, Some(&after.spec)).await?;
            let arrival = self.population.arrive::<S>(&self.rows, tenant, &self.quotas).await?;
            if writing.validate_only {
                arrival.refused();
                return Ok(Found { resource: after, revision: Revision::ZERO });
            }
            let mut changes = Changes::new(self.now());
            changes.exhume(&before, &after)?;
            if let Some(turn) = &turn {
                turn.guard(&mut changes);
            }
            if let Some(made) = self.commit(changes, writing, after, Some(arrival)).await? {
                if let Some(turn) = turn {
                    turn.done(made.revision);
                }
                return Ok(made);
            }
        }
        Err(Error::Contended)
    }

    /// The object, which must be soft-deleted.
    async fn buried_one<S: Spec>(
        &self,
        name: &S::Name,
        writing: &Writing,
    ) -> Result<Found<S>, Error> {
        if !writing.problems.is_empty() {
            return Err(Error::Invalid(writing.problems.clone()));
        }
        let found = self.rows.get::<S>(name, At::Published).await?;
        let found = found.ok_or_else(|| Error::NotFound(S::KIND, name.to_string()))?;
        if !found.resource.is_deleted() {
            return Err(Error::NotDeleted { kind: S::KIND, name: name.to_string() });
        }
        self.expect_etag(&found, writing)?;
        Ok(found)
    }
}
