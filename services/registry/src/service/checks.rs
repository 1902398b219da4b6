//! What a write looks up before it commits.

use names::{ApplicationSegmentName, BelowTenant as _, ResourceName as _};
use resource::Write;
use store::At;

use super::{Registry, coverage::Turn};
use crate::{
    domain::{Resource, Spec, TenantSpec},
    error::Error,
    store::{Found, Kept, Place, Rows},
};

impl Registry {
    /// The id must never have been used, or be purged.
    pub(super) async fn expect_free<S: Kept>(&self, name: &S::Name) -> Result<(), Error> {
        match self.rows.get::<S>(name, At::Published).await? {
            None => Ok(()),
            Some(found) => Err(Error::NameTaken {
                kind: S::KIND,
                name: name.to_string(),
                deleted: found.resource.is_deleted(),
            }),
        }
    }

    /// The tenant must live. Answers its uid; nil for what is a tenant itself.
    pub(super) async fn expect_tenant<S: Spec>(&self, name: &S::Name) -> Result<uuid::Uuid, Error> {
        if S::ABOUT.is_root {
            return Ok(uuid::Uuid::nil());
        }
        let tenant = name.tenant();
        let found = self.rows.live::<TenantSpec>(&tenant).await?;
        let missing = || Error::NotFound(TenantSpec::KIND, tenant.to_string());
        Ok(found.ok_or_else(missing)?.resource.meta.uid)
    }

    /// No other live object of the type may claim the same.
    pub(super) async fn expect_unique<S: Spec>(
        &self,
        before: Option<&S>,
        name: &S::Name,
        after: &S,
    ) -> Result<(), Error> {
        let place = Rows::place::<S>(name);
        let had = before.map(S::claims).unwrap_or_default();
        for claim in after.claims().into_iter().filter(|claim| !had.contains(claim)) {
            match self.rows.claimed_by(&place.claim(&claim)).await? {
                Some(id) if id != place.id.as_str() => {
                    let by = names::Id::parse(&id).map_or(id, |id| Place { id, ..place }.name());
                    return Err(Error::Claimed { kind: S::KIND, claim, by });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Everything that it names, and did not before, must live; all that do not are named.
    pub(super) async fn expect_references<S: Spec>(
        &self,
        before: Option<&Resource<S>>,
        after: &Resource<S>,
    ) -> Result<(), Error> {
        let mut were = before.map(S::links).unwrap_or_default();
        were.extend(before.map(|before| before.spec.mentions()).unwrap_or_default());
        let are = S::links(after).into_iter().chain(after.spec.mentions());
        let mut missing = Vec::new();
        for link in are.filter(|link| !were.iter().any(|other| other.leads_where(link))) {
            let target = Place::from(&link);
            if self.rows.guard(&target).await?.is_none() {
                missing.push((format!("{}.{}", S::ABOUT.field, link.field), target.name()));
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(Error::ReferenceNotFound(missing)) }
    }

    /// What it covers must not clash; takes the tenant's turn if it changes.
    pub(super) async fn expect_coverage<S: Spec>(
        &self,
        name: &S::Name,
        before: Option<&S>,
        after: Option<&S>,
    ) -> Result<Option<Turn>, Error> {
        let (before, after) = (before.and_then(S::coverage), after.and_then(S::coverage));
        if before == after {
            return Ok(None);
        }
        let tenant = name.tenant();
        let name = ApplicationSegmentName::new(tenant.id().clone(), name.last_id().clone());
        self.coverage.examine(&self.rows, &name, before, after).await.map(Some)
    }

    /// The object, which must live.
    pub(super) async fn live<S: Kept>(&self, name: &S::Name) -> Result<Found<S>, Error> {
        let found = self.rows.get::<S>(name, At::Published).await?;
        let found = found.ok_or_else(|| Error::NotFound(S::KIND, name.to_string()))?;
        if found.resource.is_deleted() {
            return Err(Error::Deleted { kind: S::KIND, name: name.to_string() });
        }
        Ok(found)
    }

    /// The caller must have read the current version, if it says which.
    pub(super) fn expect_etag<S: Spec>(
        &self,
        found: &Found<S>,
        write: &Write,
    ) -> Result<(), Error> {
        let epoch = self.rows.store().epoch();
        Ok(write.expect(epoch, found.revision, &found.resource.name)?)
    }
}
