//! Update policies of tenants: read and changed.
//!
//! Owns: the tenant's profile and freezes.
//! Always holds: the profile of a tenant exists.
//! Absent on purpose: overriding the groups' own profiles, which is not built yet.

use jiff::Timestamp;
use names::{TenantName, UpdatePolicyName};
use resource::Write;
use rpc::access::Authorised;
use store::Etag;

use super::configuration::Configuration;
use crate::{
    domain::{
        change::Edit,
        policy::{PolicyDraft, UpdatePolicy},
        profile,
    },
    error::Error,
    store::{Found, Place},
};

/// A policy with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyView {
    /// Whose.
    pub(crate) tenant: TenantName,
    /// What was written, or the defaults.
    pub(crate) policy: UpdatePolicy,
    /// Its version.
    pub(crate) etag: Etag,
    /// When it was last written; `None` while it has the defaults.
    pub(crate) update_time: Option<Timestamp>,
}

/// The use cases of policies.
#[derive(Clone)]
pub(crate) struct Policies {
    configuration: Configuration,
}

impl Policies {
    /// Over what is written.
    #[must_use]
    pub(crate) fn new(configuration: Configuration) -> Self {
        Self { configuration }
    }

    /// A tenant's policy.
    ///
    /// # Errors
    /// The store could not be read; or a policy was written, and registry cannot be asked for whom.
    pub(crate) async fn get(
        &self,
        name: &Authorised<UpdatePolicyName>,
        now: Timestamp,
    ) -> Result<PolicyView, Error> {
        let tenant = name.tenant();
        let found = self.configuration.policy(&tenant, None, now).await?;
        Ok(self.view(tenant, found))
    }

    /// Changes a tenant's policy.
    ///
    /// # Errors
    /// There is no such tenant or version profile; the caller's etag is stale; the store's side.
    pub(crate) async fn update(
        &self,
        name: &Authorised<UpdatePolicyName>,
        edit: &Edit<PolicyDraft>,
        write: &Write,
    ) -> Result<PolicyView, Error> {
        let tenant = name.tenant();
        let change = |policy: UpdatePolicy| {
            let changed = policy.changed(edit);
            match profile::system_profile(&changed.version_profile) {
                Some(_) => Ok(changed),
                None => Err(Error::ProfileNotFound(changed.version_profile)),
            }
        };
        let uid = self.configuration.tenants.uid(&tenant, write.now).await?;
        let place = Place::of_policy(&tenant, uid);
        let written = self.configuration.write(&place, write, change).await?;
        Ok(self.view(tenant, Some(written)))
    }

    fn view(&self, tenant: TenantName, found: Option<Found<UpdatePolicy>>) -> PolicyView {
        let etag = self.configuration.etag(found.as_ref());
        let update_time = found.as_ref().map(|found| found.written.update_time);
        let policy = found.map(|found| found.written.value).unwrap_or_default();
        PolicyView { tenant, policy, etag, update_time }
    }
}
