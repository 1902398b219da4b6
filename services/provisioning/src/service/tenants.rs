//! Which tenant stands behind an id: what history is kept by.
//!
//! Always holds: history is written below the uid that registry gave the tenant; it is read only below the uid that registry says the
//! tenant has now, so that a tenant made anew under an old id never sees its predecessor's.
//!
//! ## Design notes
//! Registry is asked with every new key, for it is asked for the key's group anyway, and with every question about the past. A change
//! of a key goes by the uid that is kept: the key was made after that was asked, and a tenant cannot be made anew while it has live
//! keys (their groups stop it). So changes go on while registry is away; questions about the past do not.

use jiff::Timestamp;
use names::TenantName;
use uuid::Uuid;

use crate::{clients::Registry, error::Error, store::Rows};

/// The uids of tenants.
#[derive(Clone, Debug)]
pub(crate) struct Tenants {
    pub(crate) rows: Rows,
    pub(crate) registry: Registry,
}

impl Tenants {
    /// The uid by which the tenant's keys are remembered; registry is asked the first time.
    pub(crate) async fn uid(&self, tenant: &TenantName, now: Timestamp) -> Result<Uuid, Error> {
        match self.rows.tenant_uid(tenant).await? {
            Some(uid) => Ok(uid),
            None => self.uid_now(tenant, now).await,
        }
    }

    /// As [`uid`](Self::uid), as registry says it now; nil for a tenant that is not there, which owns nothing.
    pub(crate) async fn uid_now(&self, tenant: &TenantName, now: Timestamp) -> Result<Uuid, Error> {
        let Some(uid) = self.registry.tenant_uid(tenant).await? else { return Ok(Uuid::nil()) };
        if self.rows.tenant_uid(tenant).await? != Some(uid) {
            self.rows.keep_tenant_uid(tenant, uid, now).await?;
        }
        Ok(uid)
    }
}
