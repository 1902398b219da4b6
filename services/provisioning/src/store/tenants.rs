//! The uid of each tenant, as registry last said it: what history is kept by.

use ::store::{At, Commit};
use jiff::Timestamp;
use names::TenantName;
use resource::{Fault, record};
use uuid::Uuid;

use super::{Rows, keys, records::StoredTenant};

impl Rows {
    /// The uid of the tenant that last had this id here; `None` if registry was never asked.
    pub(crate) async fn tenant_uid(&self, tenant: &TenantName) -> Result<Option<Uuid>, Fault> {
        let found = self.read::<StoredTenant>(&keys::tenant(tenant), At::Published).await?;
        Ok(found.map(|found| found.value))
    }

    /// Keeps what registry said. Whoever says it last is right, so nothing is required of what stood there.
    pub(crate) async fn keep_tenant_uid(
        &self,
        tenant: &TenantName,
        uid: Uuid,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let record = record::encode::<StoredTenant>(&uid)?;
        self.store.commit(Commit::new(now).put(keys::tenant(tenant), record)).await?;
        Ok(())
    }
}
