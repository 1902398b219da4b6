//! Which tenant stands behind an id.

use resource::Record;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Versions of the record of a tenant's uid.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(in crate::store) enum StoredTenant {
    #[serde(rename = "1")]
    V1 { uid: Uuid },
}

impl Record for StoredTenant {
    type Domain = Uuid;

    fn of(uid: &Uuid) -> Self {
        Self::V1 { uid: *uid }
    }

    fn into_domain(self) -> Result<Uuid, String> {
        let Self::V1 { uid } = self;
        Ok(uid)
    }
}
