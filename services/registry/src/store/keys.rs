//! Where everything stands in the store. A tag is never reused, also not for a record that is gone.
//!
//! | tag | key | value |
//! | --- | --- | --- |
//! | 01 … 05 | tenant; group, connector, server group, segment: tenant, id | the object |
//! | 10 | kind, tenant, id | guard: there exactly while the object lives |
//! | 11 | target kind, tenant, target id, source kind, source id | reference, of live sources only |
//! | 12 | tenant, kind, hash of the folded display name | id of the live object that has it |
//! | 13 | hash of the folded display name | id of the live tenant that has it |
//! | 14 | tenant, enrolment | registration, or the tombstone of an abandoned one |
//! | 15 | tenant, SHA-256 of a public key | the connector that brought it, for ever |
//! | 16 | tenant, connector id | an id that was given up and is never used again |
//! | 17 | tenant | guard of the names that the tenant's enabled segments cover |
//! | 18 | tenant, group | a group deleted with `force` whose references are still to be swept |

use names::{AppConnectorGroupName, AppConnectorName, EnrolmentName, Id, TenantName};
use store::{Key, KeyBuilder, KeyPartError, Prefix};

use crate::domain::{DisplayName, Kind};

const GUARD: u8 = 0x10;
const REFERENCE: u8 = 0x11;
const DISPLAY_NAME: u8 = 0x12;
const TENANT_DISPLAY_NAME: u8 = 0x13;
const REGISTRATION: u8 = 0x14;
const PUBLIC_KEY: u8 = 0x15;
const SPENT_CONNECTOR_ID: u8 = 0x16;
const TARGETS_GUARD: u8 = 0x17;
const SWEEP: u8 = 0x18;

const fn tag(kind: Kind) -> u8 {
    match kind {
        Kind::Tenant => 0x01,
        Kind::Group => 0x02,
        Kind::Connector => 0x03,
        Kind::ServerGroup => 0x04,
        Kind::Segment => 0x05,
    }
}

/// The kind of object that stands at a key, if it is an object.
pub(crate) fn kind_of(key: &Key) -> Option<Kind> {
    Kind::ALL.into_iter().find(|&kind| tag(kind) == key.tag())
}

/// Kind, tenant and id of one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) tenant: Id,
    pub(crate) id: Id,
}

impl Place {
    pub(crate) fn new(kind: Kind, tenant: &TenantName, id: &Id) -> Self {
        Self { kind, tenant: tenant.id().clone(), id: id.clone() }
    }

    fn put(&self, builder: KeyBuilder) -> KeyBuilder {
        builder.u64(tag(self.kind).into()).text(self.tenant.as_str()).text(self.id.as_str())
    }

    /// Where the object stands.
    pub(crate) fn object(&self) -> Key {
        let builder = Key::builder(tag(self.kind));
        match self.kind {
            Kind::Tenant => builder.text(self.id.as_str()).finish(),
            _ => builder.text(self.tenant.as_str()).text(self.id.as_str()).finish(),
        }
    }

    /// The resource name.
    pub(crate) fn name(&self) -> String {
        let (tenant, id) = (&self.tenant, &self.id);
        match self.kind {
            Kind::Tenant => format!("tenants/{id}"),
            Kind::Group => format!("tenants/{tenant}/appConnectorGroups/{id}"),
            Kind::Connector => format!("tenants/{tenant}/appConnectors/{id}"),
            Kind::ServerGroup => format!("tenants/{tenant}/serverGroups/{id}"),
            Kind::Segment => format!("tenants/{tenant}/applicationSegments/{id}"),
        }
    }

    /// Where its guard stands while it lives.
    pub(crate) fn guard(&self) -> Key {
        self.put(Key::builder(GUARD)).finish()
    }

    /// Where references to it stand.
    pub(crate) fn references(&self) -> Prefix {
        self.put(Key::builder(REFERENCE)).prefix()
    }

    /// Where references of one kind of object to it stand.
    pub(crate) fn references_from(&self, kind: Kind) -> Prefix {
        self.put(Key::builder(REFERENCE)).u64(tag(kind).into()).prefix()
    }

    /// Where the reference of `source` to it stands.
    pub(crate) fn reference_from(&self, source: &Self) -> Key {
        self.put(Key::builder(REFERENCE))
            .u64(tag(source.kind).into())
            .text(source.id.as_str())
            .finish()
    }

    /// Who refers, read from the key of a reference.
    pub(crate) fn read_source(key: &Key) -> Result<Option<Self>, KeyPartError> {
        let mut parts = key.parts();
        let _target_kind = parts.u64()?;
        let tenant = parts.text()?;
        let _target_id = parts.text()?;
        let source = parts.u64()?;
        let id = parts.text()?;
        let kind = Kind::ALL.into_iter().find(|&kind| u64::from(tag(kind)) == source);
        Ok(kind
            .zip(Id::parse(&tenant).ok())
            .zip(Id::parse(&id).ok())
            .map(|((kind, tenant), id)| Self { kind, tenant, id }))
    }

    /// Where the claim on its display name stands; connectors claim none.
    pub(crate) fn display_name(&self, name: &DisplayName) -> Option<Key> {
        let hash = blake3::hash(name.key().as_bytes());
        let builder = match self.kind {
            Kind::Connector => return None,
            Kind::Tenant => Key::builder(TENANT_DISPLAY_NAME),
            kind => Key::builder(DISPLAY_NAME).text(self.tenant.as_str()).u64(tag(kind).into()),
        };
        Some(builder.bytes(hash.as_bytes()).finish())
    }
}

/// All objects of a kind, of one tenant or of all.
pub(crate) fn objects(kind: Kind, tenant: Option<&TenantName>) -> Prefix {
    let builder = Key::builder(tag(kind));
    match tenant {
        Some(tenant) => builder.text(tenant.id().as_str()).prefix(),
        None => builder.prefix(),
    }
}

/// Something stands here exactly if live groups, server groups or segments are below the tenant.
pub(crate) fn live_below(tenant: &TenantName) -> Prefix {
    Key::builder(DISPLAY_NAME).text(tenant.id().as_str()).prefix()
}

/// What became of an enrolment.
pub(crate) fn registration(enrolment: &EnrolmentName) -> Key {
    Key::builder(REGISTRATION)
        .text(enrolment.tenant.as_str())
        .text(enrolment.id().as_str())
        .finish()
}

/// Who brought a public key.
pub(crate) fn public_key(tenant: &TenantName, sha256: &[u8; 32]) -> Key {
    Key::builder(PUBLIC_KEY).text(tenant.id().as_str()).bytes(sha256).finish()
}

/// Stands here if the connector id was given up.
pub(crate) fn spent_connector_id(name: &AppConnectorName) -> Key {
    Key::builder(SPENT_CONNECTOR_ID).text(name.tenant.as_str()).text(name.id().as_str()).finish()
}

/// Stands here until everything that referred to a group deleted with `force` is cleared.
pub(crate) fn sweep(group: &AppConnectorGroupName) -> Key {
    Key::builder(SWEEP).text(group.tenant.as_str()).text(group.id().as_str()).finish()
}

/// All groups that are still to be swept.
pub(crate) fn sweeps() -> Prefix {
    Key::builder(SWEEP).prefix()
}

/// The group of a row in [`sweeps`].
pub(crate) fn read_sweep(key: &Key) -> Option<AppConnectorGroupName> {
    let mut parts = key.parts();
    let tenant = Id::parse(&parts.text().ok()?).ok()?;
    let group = Id::parse(&parts.text().ok()?).ok()?;
    Some(AppConnectorGroupName::new(tenant, group))
}

/// The kind in a row of [`live_below`].
pub(crate) fn read_live_kind(key: &Key) -> Option<Kind> {
    let mut parts = key.parts();
    parts.text().ok()?;
    let found = parts.u64().ok()?;
    Kind::ALL.into_iter().find(|&kind| u64::from(tag(kind)) == found)
}

/// Rewritten with every change of what the tenant's enabled segments cover.
pub(crate) fn targets_guard(tenant: &TenantName) -> Key {
    Key::builder(TARGETS_GUARD).text(tenant.id().as_str()).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(kind: Kind, tenant: &str, id: &str) -> Place {
        Place { kind, tenant: tenant.parse().unwrap(), id: id.parse().unwrap() }
    }

    #[test]
    fn a_tenants_range_holds_its_objects_and_no_one_elses() {
        let acme: TenantName = "tenants/acme".parse().unwrap();
        for kind in Kind::ALL {
            let range = objects(kind, Some(&acme));
            let own = if kind == Kind::Tenant { "acme" } else { "x" };
            assert!(range.matches(&place(kind, "acme", own).object()), "{kind:?}");
            assert!(!range.matches(&place(kind, "acme2", "acme2").object()), "{kind:?}");
            assert_eq!(kind_of(&place(kind, "acme", own).object()), Some(kind));
        }
    }

    #[test]
    fn a_reference_says_who_refers() {
        let target = place(Kind::Group, "acme", "berlin");
        let source = place(Kind::ServerGroup, "acme", "crm");
        let key = target.reference_from(&source);
        assert!(target.references().matches(&key));
        assert!(!place(Kind::Group, "acme", "berlin2").references().matches(&key));
        assert_eq!(Place::read_source(&key).unwrap(), Some(source));
    }

    #[test]
    fn objects_sort_as_their_names_do() {
        let keys = ["a", "a-b", "a0", "ab", "b"].map(|id| place(Kind::Group, "t", id).object());
        assert!(keys.is_sorted());
    }
}
