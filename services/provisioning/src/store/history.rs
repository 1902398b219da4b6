//! What history remembers of a key.
//!
//! Always holds: a row holds the key as it was ([`StoredPastKey`]), which has no place for a secret or its hash; it stands in the
//! commit of the write. Absent on purpose: use counts, which are no history; joins and renewals, whose history is the ledger.

use ::store::{At, Commit, Key, Row};
use names::ProvisioningKeyName;
use resource::{
    Fault,
    history::{Deed, History, Shelf},
    record,
};
use rpc::access::Principal;
use uuid::Uuid;

use super::records::StoredPastKey;
use super::{Found, Rows, keys, records::StoredKey};
use crate::domain::key::ProvisioningKey;

/// The number by which history knows keys: their tag.
pub(crate) const KEY_KIND: u8 = keys::KEY;

/// Where history keeps a tenant's keys.
pub(crate) fn shelf(tenant: Uuid) -> Shelf {
    Shelf { tenant, kind: KEY_KIND }
}

/// Who changes a key, and in which tenant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Author<'a> {
    /// Where it is remembered.
    pub(crate) history: &'a History,
    /// Who.
    pub(crate) by: &'a Principal,
    /// The tenant's uid.
    pub(crate) tenant: Uuid,
}

impl Author<'_> {
    /// Adds the row of a write to its commit.
    pub(super) fn remember(
        &self,
        commit: Commit,
        before: Option<&Found<ProvisioningKey>>,
        after: &ProvisioningKey,
    ) -> Result<Commit, Fault> {
        let before = before.map(|key| {
            let record = record::encode::<StoredPastKey>(&key.value)?;
            Ok::<_, Fault>((record.into(), key.revision))
        });
        let deed = Deed {
            shelf: shelf(self.tenant),
            of_tenant: self.tenant,
            id: after.name.id().as_str(),
            uid: after.uid,
            name: after.name.to_string(),
            time: after.update_time,
            by: self.by,
            before: before.transpose()?,
        };
        self.history.remember(commit, deed)
    }
}

impl Rows {
    /// The row of a key as history would remember it.
    pub(crate) async fn past_row(
        &self,
        name: &ProvisioningKeyName,
        at: At,
    ) -> Result<Option<Row>, Fault> {
        let Some(row) = self.store.get(&keys::key(name), at).await? else { return Ok(None) };
        let kept = super::decode::<StoredKey>(&row)?.value;
        let value = record::encode::<StoredPastKey>(&kept.key)?.into();
        Ok(Some(Row { value, ..row }))
    }

    /// The uid of the key in a row.
    pub(crate) fn uid_in(row: &Row) -> Result<Uuid, Fault> {
        Ok(super::decode::<StoredKey>(row)?.value.key.uid)
    }

    /// A key of a history row, or of its own row: that holds the same and the secret's hash besides.
    pub(crate) fn past_key(value: &[u8]) -> Result<ProvisioningKey, Fault> {
        super::decode_value::<StoredPastKey>(&Key::builder(keys::KEY).finish(), value)
    }
}
