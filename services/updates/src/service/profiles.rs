//! Version profiles: read.
//!
//! Owns: which profiles there are for whom. Always holds: what is asked below a tenant is answered to who may ask there.
//! Absent on purpose: profiles of a tenant's own, which are not built yet.

use names::{Id, TenantName, VersionProfileName};
use rpc::access::Authorised;

use crate::{
    domain::profile::{SYSTEM_PROFILES, SystemProfile, system_profile},
    error::Error,
};

/// Below what a profile is asked for.
pub(crate) enum Parent {
    /// Nothing: it is the system's, which everybody may read who may call the method.
    System(#[allow(dead_code, reason = "it proves that the caller was let in")] Authorised<()>),
    /// A tenant: it is the tenant's own.
    Tenant(Authorised<TenantName>),
}

/// One profile.
///
/// # Errors
/// There is none of this id there; a tenant has none of its own.
pub(crate) fn get(parent: &Parent, id: Id) -> Result<&'static SystemProfile, Error> {
    let tenant = match parent {
        Parent::System(_) => None,
        Parent::Tenant(tenant) => Some(tenant.tenant.clone()),
    };
    let name = VersionProfileName { tenant, version_profile: id };
    system_profile(&name).ok_or(Error::ProfileNotFound(name))
}

/// The profiles that a tenant may choose: while tenants have none of their own, the system's, the same for all.
#[must_use]
pub(crate) fn choice_of(_tenant: &Authorised<TenantName>) -> &'static [SystemProfile] {
    &SYSTEM_PROFILES
}
