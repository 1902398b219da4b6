//! Tenants' global ids, by which history is kept.
//!
//! Owns: the one question to registry about a tenant. Always holds: what is answered is the id of the tenant that has the name now
//! (see `domain::tenant` for why an answer of yesterday still is). Absent on purpose: tenants' own fields.

use jiff::Timestamp;
use names::TenantName;
use uuid::Uuid;

use crate::{clients::Registry, domain::tenant::ConfirmedTenant, error::Error, store::Rows};

/// The tenants this service knows.
#[derive(Clone)]
pub(crate) struct Tenants {
    rows: Rows,
    registry: Registry,
}

impl Tenants {
    /// Over what is kept and its owner.
    #[must_use]
    pub(crate) fn new(rows: Rows, registry: Registry) -> Self {
        Self { rows, registry }
    }

    /// The global id of a tenant. That of a deleted one is not kept: its name may be another's by tomorrow.
    ///
    /// # Errors
    /// There is no such tenant; or registry cannot be asked, and has not said it for too long.
    pub(crate) async fn uid(&self, name: &TenantName, now: Timestamp) -> Result<Uuid, Error> {
        let kept = self.rows.tenant(name).await?;
        if let Some(tenant) = kept.filter(|tenant| tenant.is_fresh(now)) {
            return Ok(tenant.uid);
        }
        let asked = match (self.registry.tenant(name).await, kept) {
            (Ok(asked), _) => asked.ok_or_else(|| Error::TenantNotFound(name.clone()))?,
            (Err(_), Some(tenant)) if tenant.counts(now) => return Ok(tenant.uid),
            (Err(failure), _) => return Err(Error::RegistryUnavailable(Box::new(failure))),
        };
        if !asked.deleted {
            let tenant = ConfirmedTenant { uid: asked.uid, time: now };
            self.rows.put_tenant(name, &tenant).await?;
        }
        Ok(asked.uid)
    }
}
