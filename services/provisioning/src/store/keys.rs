//! Where every record lies: one tag per kind, never reused.
//!
//! Owns: the tags and the parts behind them. Always holds: a prefix over a tenant lists that tenant and no other;
//! the private key of an authority lies under a tag that no watch or list reads. Absent on purpose: history's keys, whose tags
//! begin at [`FIRST_TAG`](resource::history::FIRST_TAG).

use jiff::Timestamp;
use names::{
    AppConnectorGroupName, AppConnectorName, EnrolmentName, Id, ProvisioningKeyName, TenantName,
};
use uuid::Uuid;

use ::store::{Key, KeyBuilder, Prefix};

/// `tenant / key id` → `StoredKey`.
pub(super) const KEY: u8 = 1;
/// `key uid` → `StoredPointer` to its name. Stays as long as the key's row.
pub(super) const KEY_BY_UID: u8 = 2;
/// `tenant / folded display name` → `StoredPointer`; only of live keys.
pub(super) const KEY_BY_DISPLAY_NAME: u8 = 3;
/// `tenant / key id` → `StoredUses`.
pub(super) const USES: u8 = 4;
/// `tenant / group / key id` → `StoredPointer`; deleted keys included.
pub(super) const KEY_BY_GROUP: u8 = 5;
/// `tenant / enrolment id` → `StoredEnrolment`.
pub(super) const ENROLMENT: u8 = 6;
/// `key uid / create time / tenant / enrolment id` → `StoredPointer`.
pub(super) const ENROLMENT_BY_KEY: u8 = 7;
/// `SHA-256 of a public key` → `StoredPointer` to the enrolment that owns it, for ever; only an abandoned
/// enrolment lets its key go.
pub(super) const ENROLMENT_BY_PUBLIC_KEY: u8 = 8;
/// `tenant / connector id` → `StoredPointer` to its enrolment.
pub(super) const ENROLMENT_BY_CONNECTOR: u8 = 9;
/// `create time / tenant / enrolment id` → `StoredPointer`: the worker's list of RESERVED ones.
pub(super) const RESERVED: u8 = 10;
/// `tenant / connector prefix` → `StoredCounter`: the last number given out. It never goes back.
pub(super) const SEQUENCE: u8 = 11;
/// `tenant` → `StoredCounter`: live keys, for the quota.
pub(super) const KEY_COUNT: u8 = 12;
/// `tenant` → `StoredAuthority`, public.
pub(super) const AUTHORITY: u8 = 13;
/// `tenant` → `StoredAuthorityKey`, secret.
pub(super) const AUTHORITY_KEY: u8 = 14;
/// `tenant / connector id` → `StoredRevocation`.
pub(super) const REVOCATION: u8 = 15;
/// `purge time / tenant / key id` → `StoredPointer`: deleted keys, for the purge.
pub(super) const KEY_BY_PURGE_TIME: u8 = 16;
/// `sibling` → `StoredPointer` to a token of the life of it that is followed.
pub(super) const FOLLOWED: u8 = 17;
/// `tenant` → `StoredTenant`: its uid, by which history is kept.
pub(super) const TENANT: u8 = 18;

fn child(tag: u8, tenant: &Id, id: &Id) -> Key {
    Key::builder(tag).text(tenant.as_str()).text(id.as_str()).finish()
}

/// All rows of a kind whose first part is the tenant, of one tenant or of all.
pub(super) fn of_tenant(tag: u8, tenant: Option<&TenantName>) -> Prefix {
    match tenant {
        Some(tenant) => Key::builder(tag).text(tenant.id().as_str()).prefix(),
        None => Key::builder(tag).prefix(),
    }
}

pub(super) fn key(name: &ProvisioningKeyName) -> Key {
    child(KEY, &name.tenant, &name.provisioning_key)
}

/// The keys of a tenant, or of all.
pub(crate) fn keys_of(tenant: Option<&TenantName>) -> Prefix {
    of_tenant(KEY, tenant)
}

/// The id of the key whose row this is.
pub(crate) fn key_id(key: &Key) -> Option<String> {
    let mut parts = key.parts();
    parts.text().ok()?;
    parts.text().ok()
}

/// The ledger of a tenant, or of all.
pub(crate) fn all_ledger(tenant: Option<&TenantName>) -> Prefix {
    of_tenant(ENROLMENT, tenant)
}

pub(super) fn tenant(tenant: &TenantName) -> Key {
    Key::builder(TENANT).text(tenant.id().as_str()).finish()
}

pub(super) fn key_by_uid(uid: Uuid) -> Key {
    Key::builder(KEY_BY_UID).bytes(uid.as_bytes()).finish()
}

pub(super) fn key_by_display_name(tenant: &Id, folded: &str) -> Key {
    Key::builder(KEY_BY_DISPLAY_NAME).text(tenant.as_str()).text(folded).finish()
}

pub(super) fn uses(name: &ProvisioningKeyName) -> Key {
    child(USES, &name.tenant, &name.provisioning_key)
}

fn group(name: &AppConnectorGroupName) -> KeyBuilder {
    Key::builder(KEY_BY_GROUP).text(name.tenant.as_str()).text(name.app_connector_group.as_str())
}

pub(super) fn key_by_group(name: &AppConnectorGroupName, key: &ProvisioningKeyName) -> Key {
    group(name).text(key.provisioning_key.as_str()).finish()
}

/// A group's keys: index rows.
pub(crate) fn keys_of_group(name: &AppConnectorGroupName) -> Prefix {
    group(name).prefix()
}

pub(super) fn enrolment(name: &EnrolmentName) -> Key {
    child(ENROLMENT, &name.tenant, &name.enrolment)
}

pub(super) fn enrolment_by_key(uid: Uuid, created: Timestamp, name: &EnrolmentName) -> Key {
    Key::builder(ENROLMENT_BY_KEY)
        .bytes(uid.as_bytes())
        .timestamp(created)
        .text(name.tenant.as_str())
        .text(name.enrolment.as_str())
        .finish()
}

/// The ledger of one key, oldest first: index rows.
pub(crate) fn ledger_of_key(uid: Uuid) -> Prefix {
    Key::builder(ENROLMENT_BY_KEY).bytes(uid.as_bytes()).prefix()
}

pub(super) fn enrolment_by_public_key(sha256: &[u8; 32]) -> Key {
    Key::builder(ENROLMENT_BY_PUBLIC_KEY).bytes(sha256).finish()
}

pub(super) fn enrolment_by_connector(name: &AppConnectorName) -> Key {
    child(ENROLMENT_BY_CONNECTOR, &name.tenant, &name.app_connector)
}

pub(super) fn reserved(created: Timestamp, name: &EnrolmentName) -> Key {
    Key::builder(RESERVED)
        .timestamp(created)
        .text(name.tenant.as_str())
        .text(name.enrolment.as_str())
        .finish()
}

pub(super) fn all_reserved() -> Prefix {
    Key::builder(RESERVED).prefix()
}

pub(super) fn sequence(tenant: &Id, prefix: &str) -> Key {
    Key::builder(SEQUENCE).text(tenant.as_str()).text(prefix).finish()
}

pub(super) fn key_count(tenant: &Id) -> Key {
    Key::builder(KEY_COUNT).text(tenant.as_str()).finish()
}

pub(super) fn authority(tenant: &TenantName) -> Key {
    Key::builder(AUTHORITY).text(tenant.id().as_str()).finish()
}

pub(super) fn authority_key(tenant: &TenantName) -> Key {
    Key::builder(AUTHORITY_KEY).text(tenant.id().as_str()).finish()
}

pub(super) fn revocation(name: &AppConnectorName) -> Key {
    child(REVOCATION, &name.tenant, &name.app_connector)
}

pub(super) fn key_by_purge_time(time: Timestamp, name: &ProvisioningKeyName) -> Key {
    Key::builder(KEY_BY_PURGE_TIME)
        .timestamp(time)
        .text(name.tenant.as_str())
        .text(name.provisioning_key.as_str())
        .finish()
}

pub(super) fn all_deleted_keys() -> Prefix {
    Key::builder(KEY_BY_PURGE_TIME).prefix()
}

pub(super) fn followed(source: &str) -> Key {
    Key::builder(FOLLOWED).text(source).finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    /// Every tag that this file gives out, with its name.
    fn tags() -> impl Iterator<Item = (u8, &'static str)> {
        include_str!("keys.rs").lines().filter_map(|line| {
            let (name, tag) = line.strip_prefix("pub(super) const ")?.split_once(": u8 = ")?;
            Some((tag.trim_end_matches(';').parse().unwrap(), name))
        })
    }

    #[test]
    fn each_kind_of_row_has_a_tag_of_its_own_that_is_not_historys() {
        let mut kinds = BTreeMap::new();
        for (tag, name) in tags() {
            let other = kinds.insert(tag, name);
            assert!(other.is_none(), "{name} and {other:?} have the tag {tag}");
            assert!(tag < resource::history::FIRST_TAG, "{name} is in history");
        }
        assert_eq!(kinds.get(&super::KEY), Some(&"KEY"), "the declarations are found");
        assert_eq!(kinds.get(&super::TENANT), Some(&"TENANT"), "down to the last");
    }
}
