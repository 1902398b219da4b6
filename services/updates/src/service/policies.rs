//! Update policies of tenants: read and changed.
//!
//! Owns: the tenant's profile and freezes.
//! Always holds: the profile of a tenant exists.
//! Absent on purpose: overriding the groups' own profiles, which is not built yet.

use jiff::Timestamp;
use names::{TenantName, VersionProfileName};
use rpc::access::Authorised;
use runtime::Clock;
use store::{CommitError, Etag, Revision};

use super::schedules::WriteOptions;
use crate::{
    domain::{freeze::Freeze, policy::UpdatePolicy, profile},
    error::Error,
    store::{Expected, Keeper, Kept, StoreError},
};

/// A policy with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyAnswer {
    /// Whose.
    pub tenant: TenantName,
    /// What was written, or the defaults.
    pub policy: UpdatePolicy,
    /// Its version.
    pub etag: Etag,
    /// When it was last written; `None` while it has the defaults.
    pub update_time: Option<Timestamp>,
}

/// What a write changes; `None` is a field that is not written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// The tenant's profile.
    pub version_profile: Option<VersionProfileName>,
    /// All freezes.
    pub freezes: Option<Vec<Freeze>>,
}

/// The use cases of policies.
#[derive(Clone)]
pub struct Policies {
    keeper: Keeper,
    clock: Clock,
}

impl Policies {
    /// Over what is kept.
    #[must_use]
    pub fn new(keeper: Keeper, clock: Clock) -> Self {
        Self { keeper, clock }
    }

    /// A tenant's policy.
    pub async fn get(&self, tenant: &Authorised<TenantName>) -> Result<PolicyAnswer, Error> {
        let kept = self.keeper.policy(tenant).await?;
        Ok(self.answer(tenant, kept))
    }

    /// Changes a tenant's policy.
    pub async fn update(
        &self,
        tenant: &Authorised<TenantName>,
        change: PolicyChange,
        options: WriteOptions,
    ) -> Result<PolicyAnswer, Error> {
        let kept = self.keeper.policy(tenant).await?;
        let current = kept.as_ref().map_or_else(UpdatePolicy::default, |kept| kept.value.clone());
        let expected = Expected::from(&kept);
        let now = self.clock.now();
        if let Some(request) = &options.request
            && let Some(first) = self.keeper.first_policy(request).await?
        {
            return Ok(self.answer(tenant, Some(first)));
        }
        let etag = self.etag(&kept);
        if options.etag.is_some_and(|sent| sent != etag) {
            return Err(Error::EtagMismatch { current: etag });
        }
        let changed = UpdatePolicy {
            version_profile: change.version_profile.unwrap_or(current.version_profile),
            freezes: change.freezes.unwrap_or(current.freezes),
        };
        if profile::system_profile(&changed.version_profile).is_none() {
            return Err(Error::ProfileNotFound(changed.version_profile));
        }
        if options.validate_only {
            let policy = changed;
            return Ok(PolicyAnswer { policy, ..self.answer(tenant, kept) });
        }
        match self.keeper.write_policy(tenant, changed, expected, options.request, now).await {
            Ok(written) => Ok(self.answer(tenant, Some(written))),
            Err(StoreError::Commit(CommitError::Precondition { .. })) => {
                let current = self.etag(&self.keeper.policy(tenant).await?);
                Err(Error::EtagMismatch { current })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn etag(&self, kept: &Option<Kept<UpdatePolicy>>) -> Etag {
        let revision = kept.as_ref().map_or(Revision::ZERO, |kept| kept.revision);
        Etag::new(self.keeper.store().epoch(), revision)
    }

    fn answer(&self, tenant: &TenantName, kept: Option<Kept<UpdatePolicy>>) -> PolicyAnswer {
        let etag = self.etag(&kept);
        let update_time = kept.as_ref().map(|kept| kept.update_time);
        let policy = kept.map_or_else(UpdatePolicy::default, |kept| kept.value);
        PolicyAnswer { tenant: tenant.clone(), policy, etag, update_time }
    }
}
