//! What administrators wrote: where it stands, how it is read, and how one write replaces another.
//!
//! Owns: the place of a written object. Always holds: a write replaces exactly what was read; what an earlier group of the same name
//! left behind is replaced like nothing at all. Absent on purpose: the rules of a kind, and the order of check and write.

use bytes::Bytes;
use names::{AppConnectorGroupName, Id, TenantName, UpdatePolicyName, UpdateScheduleName};
use resource::{Fault, history::Shelf, record};
use store::{At, Commit, Key, Revision, Row, Value};
use uuid::Uuid;

use super::{Kept, Rows, Written, keys};
use crate::domain::group::Group;

/// The kinds of what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A group's schedule.
    Schedule,
    /// A tenant's policy.
    Policy,
}

impl Kind {
    /// Its number in keys and in history.
    #[must_use]
    pub(crate) const fn tag(self) -> u8 {
        match self {
            Self::Schedule => keys::SCHEDULE,
            Self::Policy => keys::POLICY,
        }
    }

    /// The kind with this number.
    #[must_use]
    pub(crate) fn of_tag(tag: u8) -> Option<Self> {
        [Self::Schedule, Self::Policy].into_iter().find(|kind| kind.tag() == tag)
    }
}

/// Where one object stands, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    kind: Kind,
    /// Whose it is.
    pub(crate) tenant: TenantName,
    /// The id of the group, or of the tenant.
    pub(crate) id: Id,
    /// As [`Written::of`].
    pub(crate) of: String,
}

impl Place {
    /// Of a group's schedule.
    #[must_use]
    pub(crate) fn of_schedule(group: &Group) -> Self {
        let AppConnectorGroupName { tenant, app_connector_group: id } = group.name.clone();
        let tenant = TenantName::new(tenant);
        Self { kind: Kind::Schedule, tenant, id, of: group.uid.clone() }
    }

    /// Of a tenant's policy.
    #[must_use]
    pub(crate) fn of_policy(tenant: &TenantName, uid: Uuid) -> Self {
        let (kind, id) = (Kind::Policy, tenant.tenant.clone());
        Self { kind, tenant: tenant.clone(), id, of: uid.to_string() }
    }

    /// Whether something was written for what stands here now. A record that is older than the id counts for whoever has the name.
    #[must_use]
    pub(crate) fn has<T>(&self, written: &Written<T>) -> bool {
        written.of.is_empty() || written.of == self.of
    }

    /// The object's name.
    #[must_use]
    pub(crate) fn name(&self) -> String {
        let (tenant, id) = (self.tenant.tenant.clone(), self.id.clone());
        match self.kind {
            Kind::Schedule => UpdateScheduleName::new(tenant, id).to_string(),
            Kind::Policy => UpdatePolicyName { tenant }.to_string(),
        }
    }

    /// The object's global id: a schedule has its group's, a policy its tenant's.
    ///
    /// # Errors
    /// The group's is no UUID, which registry never says.
    pub(crate) fn uid(&self, tenant: Uuid) -> Result<Uuid, Fault> {
        match self.kind {
            Kind::Schedule => Uuid::parse_str(&self.of)
                .map_err(|error| Fault::Defect(format!("the uid of `{}`: {error}", self.name()))),
            Kind::Policy => Ok(tenant),
        }
    }

    /// Where history keeps it.
    #[must_use]
    pub(crate) fn shelf(&self, tenant: Uuid) -> Shelf {
        Shelf { tenant, kind: self.kind.tag() }
    }

    fn key(&self) -> Key {
        let (tenant, id) = (self.tenant.tenant.clone(), self.id.clone());
        match self.kind {
            Kind::Schedule => keys::schedule(&AppConnectorGroupName::new(tenant, id)),
            Kind::Policy => keys::policy(&self.tenant),
        }
    }
}

/// Something that was written, with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found<T> {
    /// What was written, for whom and when.
    pub(crate) written: Written<T>,
    /// The revision of the write.
    pub(crate) revision: Revision,
    /// The record as it stands, for the history.
    pub(crate) record: Bytes,
}

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot<T> {
    /// What was written for this very object.
    pub(crate) found: Option<Found<T>>,
    /// The revision of whatever stands here, a leftover too.
    standing: Option<Revision>,
}

impl Rows {
    /// What is at a place.
    pub(crate) async fn slot<T: Kept>(&self, place: &Place) -> Result<Slot<T>, Fault> {
        let row = self.store.get(&place.key(), At::Published).await?;
        let standing = row.as_ref().map(|row| row.revision);
        let found = row.map(|row| Self::remembered(row.value, row.revision)).transpose()?;
        Ok(Slot { found: found.filter(|found: &Found<T>| place.has(&found.written)), standing })
    }

    /// Whether a tenant of this name ever had a policy written.
    pub(crate) async fn has_policy(&self, tenant: &TenantName) -> Result<bool, Fault> {
        Ok(self.store.get(&keys::policy(tenant), At::Published).await?.is_some())
    }

    /// What is in a record that was remembered.
    pub(crate) fn remembered<T: Kept>(
        record: Bytes,
        revision: Revision,
    ) -> Result<Found<T>, Fault> {
        Ok(Found { written: record::decode::<T::Stored>(&record)?, revision, record })
    }

    /// Adds the write of a record to a commit, over exactly what was read.
    #[must_use]
    pub(crate) fn replace<T>(
        commit: Commit,
        place: &Place,
        slot: &Slot<T>,
        record: Value,
    ) -> Commit {
        let key = place.key();
        let commit = match slot.standing {
            None => commit.require_absent(&key),
            Some(revision) => commit.require_revision(&key, revision),
        };
        commit.put(key, record)
    }

    /// The row at an object's name; `None` also for a name that is none of the kind.
    pub(crate) async fn row(&self, kind: Kind, name: &str, at: At) -> Result<Option<Row>, Fault> {
        let key = match kind {
            Kind::Schedule => name.parse().ok().map(|name: UpdateScheduleName| {
                let (tenant, id) = (name.tenant, name.app_connector_group);
                keys::schedule(&AppConnectorGroupName::new(tenant, id))
            }),
            Kind::Policy => name
                .parse()
                .ok()
                .map(|name: UpdatePolicyName| keys::policy(&TenantName::new(name.tenant))),
        };
        match key {
            Some(key) => Ok(self.store.get(&key, at).await?),
            None => Ok(None),
        }
    }
}
