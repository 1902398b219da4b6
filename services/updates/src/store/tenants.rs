//! Tenants' global ids, as registry said them.

use names::TenantName;
use resource::{Fault, record};
use store::{At, Commit};

use super::{Rows, keys, records::StoredTenant};
use crate::domain::tenant::ConfirmedTenant;

impl Rows {
    /// What registry said last of a living tenant.
    pub(crate) async fn tenant(&self, name: &TenantName) -> Result<Option<ConfirmedTenant>, Fault> {
        let row = self.store.get(&keys::tenant(name), At::Published).await?;
        Ok(row.map(|row| record::decode::<StoredTenant>(&row.value)).transpose()?)
    }

    /// Keeps what registry says of a living tenant.
    pub(crate) async fn put_tenant(
        &self,
        name: &TenantName,
        tenant: &ConfirmedTenant,
    ) -> Result<(), Fault> {
        let value = record::encode::<StoredTenant>(tenant)?;
        self.store.commit(Commit::new(tenant.time).put(keys::tenant(name), value)).await?;
        Ok(())
    }
}
