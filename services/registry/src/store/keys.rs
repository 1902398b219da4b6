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
//! | 18 | tenant, group | a group deleted with `force` whose references are still to be swept: which call ordered it |
//! | 19 | tenant, kind, field, hash of a value | id of the live object that claims it |
//! | E0 … | | history: `resource::history` |

use names::{
    AppConnectorGroupName, AppConnectorName, EnrolmentName, Id, ResourceName as _, TenantName,
};
use store::{Key, KeyBuilder, KeyPartError, Prefix};

use crate::domain::{Claim, Kind, Link, Spec, for_each_kind};

const GUARD: u8 = 0x10;
const REFERENCE: u8 = 0x11;
const DISPLAY_NAME: u8 = 0x12;
const TENANT_DISPLAY_NAME: u8 = 0x13;
const REGISTRATION: u8 = 0x14;
const PUBLIC_KEY: u8 = 0x15;
const SPENT_CONNECTOR_ID: u8 = 0x16;
const TARGETS_GUARD: u8 = 0x17;
const SWEEP: u8 = 0x18;
const CLAIMED_VALUE: u8 = 0x19;

/// The kind of object that stands at a key, if it is an object.
pub(crate) fn kind_of(key: &Key) -> Option<Kind> {
    Kind::of_tag(key.tag().into())
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

    /// A tenant's own place.
    pub(crate) fn of_tenant(tenant: &TenantName) -> Self {
        Self::new(Kind::Tenant, tenant, tenant.id())
    }

    fn put(&self, builder: KeyBuilder) -> KeyBuilder {
        builder.u64(self.kind.about().tag.into()).text(self.tenant.as_str()).text(self.id.as_str())
    }

    /// Where the object stands.
    pub(crate) fn object(&self) -> Key {
        let builder = Key::builder(self.kind.about().tag);
        if self.kind.about().is_root {
            return builder.text(self.id.as_str()).finish();
        }
        builder.text(self.tenant.as_str()).text(self.id.as_str()).finish()
    }

    /// The resource name.
    pub(crate) fn name(&self) -> String {
        macro_rules! name {
            ($($kind:ident: $spec:ty,)+) => {
                match self.kind {
                    $(Kind::$kind => {
                        <$spec as Spec>::Name::of(self.tenant.clone(), self.id.clone()).to_string()
                    })+
                }
            };
        }
        for_each_kind!(name)
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
        self.put(Key::builder(REFERENCE)).u64(kind.about().tag.into()).prefix()
    }

    /// Where the reference of `source` to it stands.
    pub(crate) fn reference_from(&self, source: &Self) -> Key {
        self.put(Key::builder(REFERENCE))
            .u64(source.kind.about().tag.into())
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
        Ok(Kind::of_tag(source)
            .zip(Id::parse(&tenant).ok())
            .zip(Id::parse(&id).ok())
            .map(|((kind, tenant), id)| Self { kind, tenant, id }))
    }

    /// Where what it claims stands.
    pub(crate) fn claim(&self, claim: &Claim) -> Key {
        let about = self.kind.about();
        let in_tenant = |tag| Key::builder(tag).text(self.tenant.as_str()).u64(about.tag.into());
        let (builder, value) = match claim {
            Claim::DisplayName(name) if about.is_root => (Key::builder(TENANT_DISPLAY_NAME), name),
            Claim::DisplayName(name) => (in_tenant(DISPLAY_NAME), name),
            Claim::Value { field, value, .. } => (in_tenant(CLAIMED_VALUE).text(field), value),
        };
        builder.bytes(blake3::hash(value.as_bytes()).as_bytes()).finish()
    }
}

impl From<&Link> for Place {
    fn from(link: &Link) -> Self {
        Self::new(link.kind, &link.tenant, &link.id)
    }
}

/// Where the guards of a tenant's live objects of a kind stand.
pub(crate) fn live_of(kind: Kind, tenant: &TenantName) -> Prefix {
    let builder = Key::builder(GUARD).u64(kind.about().tag.into());
    builder.text(tenant.id().as_str()).prefix()
}

/// The id in the key of a guard.
pub(crate) fn read_guard(key: &Key) -> Option<Id> {
    let mut parts = key.parts();
    parts.u64().ok()?;
    parts.text().ok()?;
    Id::parse(&parts.text().ok()?).ok()
}

/// The id in the key of an object.
pub(crate) fn read_object(key: &Key) -> Option<String> {
    let mut parts = key.parts();
    let mut last = parts.text().ok()?;
    while let Ok(text) = parts.text() {
        last = text;
    }
    Some(last)
}

/// All objects of a kind, of one tenant or of all.
pub(crate) fn objects(kind: Kind, tenant: Option<&TenantName>) -> Prefix {
    let builder = Key::builder(kind.about().tag);
    match tenant {
        Some(tenant) => builder.text(tenant.id().as_str()).prefix(),
        None => builder.prefix(),
    }
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
        for &kind in Kind::ALL {
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
