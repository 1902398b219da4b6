//! Creating.

use names::{BelowTenant as _, Id, ResourceName as _, TenantName};
use rpc::access::{Authorised, Scope};
use store::Revision;
use uuid::Uuid;

use super::{MAX_ATTEMPTS, Registry, Writing};
use crate::{
    domain::{Meta, Resource, TenantDraft, TenantSpec},
    error::Error,
    store::{Changes, Found, Linked},
};

impl Registry {
    /// Creates a tenant.
    pub(crate) async fn create_tenant(
        &self,
        _everywhere: &Authorised<Scope>,
        id: Id,
        draft: &TenantDraft,
        writing: &Writing,
    ) -> Result<Found<TenantSpec>, Error> {
        self.create_at(&TenantName::new(id), draft, writing).await
    }

    /// Creates an object below a tenant.
    pub(crate) async fn create<S: Linked<Given: Default>>(
        &self,
        tenant: &Authorised<TenantName>,
        id: Id,
        draft: &S::Draft,
        writing: &Writing,
    ) -> Result<Found<S>, Error> {
        self.create_at(&S::Name::of(tenant.id().clone(), id), draft, writing).await
    }

    async fn create_at<S: Linked<Given: Default>>(
        &self,
        name: &S::Name,
        draft: &S::Draft,
        writing: &Writing,
    ) -> Result<Found<S>, Error> {
        self.once(writing, self.decide_create(name, draft, writing)).await
    }

    async fn decide_create<S: Linked<Given: Default>>(
        &self,
        name: &S::Name,
        draft: &S::Draft,
        writing: &Writing,
    ) -> Result<Found<S>, Error> {
        let spec: S = self.check(name, draft, None, writing)?;
        for _ in 0..MAX_ATTEMPTS {
            let meta = Meta::created(Uuid::new_v4(), self.now());
            let given = S::Given::default();
            let new = Resource { name: name.clone(), meta, spec: spec.clone(), given };
            self.expect_tenant::<S>(name).await?;
            self.expect_free::<S>(name).await?;
            self.expect_unique::<S>(name, spec.display_name()).await?;
            self.expect_references(None, &new).await?;
            let turn = self.expect_coverage(name, None, Some(&spec)).await?;
            let tenant = name.tenant();
            let arrival = self.population.arrive::<S>(&self.rows, &tenant, &self.quotas).await?;
            if writing.validate_only {
                arrival.refused();
                return Ok(Found { resource: new, revision: Revision::ZERO });
            }
            let mut changes = Changes::new(self.now());
            changes.create(&new)?;
            if let Some(turn) = &turn {
                turn.guard(&mut changes);
            }
            if let Some(made) = self.commit(changes, writing, new, Some(arrival)).await? {
                if let Some(turn) = turn {
                    turn.done(made.revision);
                }
                return Ok(made);
            }
        }
        Err(Error::Contended)
    }
}
