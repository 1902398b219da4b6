//! Updating.

use names::{BelowTenant as _, TenantName};
use rpc::access::Authorised;
use store::{At, Etag, Revision};

use super::{MAX_ATTEMPTS, Registry, Writing};
use crate::{
    domain::{Draft, Resource, Spec},
    error::Error,
    store::{Changes, Found, Linked},
};

/// A change of some fields of one object.
#[derive(Clone, Debug)]
pub(crate) struct Edit<S: Spec> {
    /// The object.
    pub(crate) name: S::Name,
    /// The new values.
    pub(crate) draft: S::Draft,
    /// Which of them count.
    pub(crate) paths: Vec<&'static str>,
}

impl Registry {
    /// Changes fields of a live object. `tenant` is the object's.
    pub(crate) async fn update<S: Linked>(
        &self,
        tenant: &Authorised<TenantName>,
        edit: &Edit<S>,
        writing: &Writing,
    ) -> Result<Found<S>, Error> {
        expect_within::<S>(tenant, &edit.name)?;
        self.once(writing, self.decide_update(edit, writing)).await
    }

    async fn decide_update<S: Linked>(
        &self,
        edit: &Edit<S>,
        writing: &Writing,
    ) -> Result<Found<S>, Error> {
        for _ in 0..MAX_ATTEMPTS {
            let before = self.live::<S>(&edit.name).await?;
            self.expect_etag(&before, writing)?;
            let spec = self.edited(&before, edit, writing)?;
            if spec == before.resource.spec {
                return Ok(before);
            }
            let meta = before.resource.meta.touched(self.now());
            let after = Resource { meta, spec, ..before.resource.clone() };
            self.expect_unique::<S>(&edit.name, after.spec.display_name()).await?;
            self.expect_references(Some(&before.resource), &after).await?;
            let old = &before.resource.spec;
            let turn = self.expect_coverage(&edit.name, Some(old), Some(&after.spec)).await?;
            if writing.validate_only {
                return Ok(Found { resource: after, revision: Revision::ZERO });
            }
            let mut changes = Changes::new(self.now());
            changes.replace(&before, &after)?;
            if let Some(turn) = &turn {
                turn.guard(&mut changes);
            }
            if let Some(made) = self.commit(changes, writing, after, None).await? {
                if let Some(turn) = turn {
                    turn.done(made.revision);
                }
                if before.resource.spec.is_cut_by(&made.resource.spec) {
                    self.settle(made.revision).await;
                }
                return Ok(made);
            }
        }
        Err(Error::Contended)
    }

    fn edited<S: Spec>(
        &self,
        before: &Found<S>,
        edit: &Edit<S>,
        writing: &Writing,
    ) -> Result<S, Error> {
        let previous = &before.resource.spec;
        let mut draft = previous.draft();
        for path in &edit.paths {
            draft.lay(path, &edit.draft);
        }
        self.check(&edit.name, &draft, Some(previous), writing)
    }

    /// The object, which must live.
    pub(super) async fn live<S: Spec>(&self, name: &S::Name) -> Result<Found<S>, Error> {
        let found = self.rows.get::<S>(name, At::Published).await?;
        let found = found.ok_or_else(|| Error::NotFound(S::KIND, name.to_string()))?;
        if found.resource.is_deleted() {
            return Err(Error::Deleted { kind: S::KIND, name: name.to_string() });
        }
        Ok(found)
    }

    /// The caller must have read the current version, if it says which. One of another epoch is stale, whatever it says.
    pub(super) fn expect_etag<S: Spec>(
        &self,
        found: &Found<S>,
        writing: &Writing,
    ) -> Result<(), Error> {
        let current = Etag::new(self.rows.store().epoch(), found.revision);
        if writing.etag.is_none_or(|sent| sent == current) {
            return Ok(());
        }
        let name = found.resource.name.to_string();
        Err(Error::EtagMismatch { name, current: current.to_string() })
    }
}

/// A name of another tenant than the authorised one is a defect of the handler.
pub(super) fn expect_within<S: Spec>(
    tenant: &Authorised<TenantName>,
    name: &S::Name,
) -> Result<(), Error> {
    if name.tenant() == **tenant {
        return Ok(());
    }
    Err(Error::Defect(format!("`{name}` was authorised for `{}`", **tenant)))
}
