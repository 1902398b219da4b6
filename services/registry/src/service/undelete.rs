//! Taking a soft delete back.

use names::BelowTenant as _;
use resource::{Tries, Write};
use rpc::access::Authorised;
use store::{At, Revision};

use super::{Counted, Registry};
use crate::{
    domain::Resource,
    error::Error,
    store::{Changes, Found, Kept},
};

impl Registry {
    /// Brings a soft-deleted object back as it was. What it refers to must live, what it claims must be free, and what it covers too.
    pub(crate) async fn undelete<S: Kept>(
        &self,
        name: &Authorised<S::Name>,
        write: &Write,
    ) -> Result<Found<S>, Error> {
        self.once(write, self.decide_undelete::<S>(name, write)).await
    }

    async fn decide_undelete<S: Kept>(
        &self,
        name: &S::Name,
        write: &Write,
    ) -> Result<Found<S>, Error> {
        let mut tries = Tries::default();
        loop {
            let before = self.soft_deleted::<S>(name, write).await?;
            let meta = before.resource.meta.undeleted(write.now);
            let after = Resource { meta, ..before.resource.clone() };
            self.expect_tenant::<S>(name).await?;
            self.expect_unique(None, name, &after.spec).await?;
            self.expect_references(None, &after).await?;
            let turn = self.expect_coverage(name, None, Some(&after.spec)).await?;
            let arrival = self.population.arrive::<S>(name, &self.quotas)?;
            if write.validate_only {
                return Ok(Found::made(after, Revision::ZERO));
            }
            let uid = self.uid_of(&name.tenant()).await?;
            let changes = Changes::new(write.now).undelete(&before, &after)?;
            let mut changes = changes.by(self.author(write, uid), Some(&before), &after)?;
            if let Some(turn) = &turn {
                changes = turn.guard(changes);
            }
            if let Some(made) =
                self.commit(changes, write, after, Counted::Arrives(arrival)).await?
            {
                if let Some(turn) = turn {
                    turn.done(made.revision);
                }
                return Ok(made);
            }
            tries.lost().await?;
        }
    }

    /// The object, which must be soft-deleted.
    async fn soft_deleted<S: Kept>(
        &self,
        name: &S::Name,
        write: &Write,
    ) -> Result<Found<S>, Error> {
        let found = self.rows.get::<S>(name, At::Published).await?;
        let found = found.ok_or_else(|| Error::NotFound(S::KIND, name.to_string()))?;
        if !found.resource.is_deleted() {
            return Err(Error::NotDeleted { kind: S::KIND, name: name.to_string() });
        }
        self.expect_etag(&found, write)?;
        Ok(found)
    }
}
