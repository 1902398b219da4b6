//! App connector groups: two versions, the example for every kind that needs a second.
//!
//! The first version has the shape that the domain had when it was written. The second stands apart from the domain, so that a field
//! of the domain can be renamed without a word here, and has no `given` and `spec` inside it: a label or a switch is found where a reader
//! of a backup looks for it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use names::{AppConnectorGroupName, ServerGroupName, Violations};
use resource::Record;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    Description, DisplayName, DnsResolution, Group, GroupServerFields, GroupSpec, Labels, Location,
    Meta, Resource, Rules,
};

/// Versions of a group's record.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(crate) enum StoredGroup {
    /// Written until 0.1.0.
    #[serde(rename = "1")]
    V1(GroupV1),
    /// Written since; read by stores of format 2.
    #[serde(rename = "2")]
    V2(GroupV2),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct GroupV1 {
    name: AppConnectorGroupName,
    meta: MetaV1,
    spec: SpecV1,
    given: GivenV1,
}

#[derive(Serialize, Deserialize)]
struct MetaV1 {
    uid: Uuid,
    create_time: Timestamp,
    update_time: Timestamp,
    #[serde(default)]
    delete_time: Option<Timestamp>,
    #[serde(default)]
    purge_time: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct SpecV1 {
    display_name: String,
    description: String,
    labels: BTreeMap<String, String>,
    enabled: bool,
    location: Location,
    dns_resolution: DnsResolution,
    disaster_recovery: bool,
}

#[derive(Serialize, Deserialize)]
struct GivenV1 {
    #[serde(default)]
    former_server_groups: Vec<ServerGroupName>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct GroupV2 {
    name: AppConnectorGroupName,
    uid: Uuid,
    create_time: Timestamp,
    update_time: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delete_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purge_time: Option<Timestamp>,
    display_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    enabled: bool,
    location: Location,
    dns_resolution: DnsResolution,
    disaster_recovery: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former_server_groups: Vec<ServerGroupName>,
}

impl From<GroupV1> for GroupV2 {
    fn from(old: GroupV1) -> Self {
        let GroupV1 { name, meta, spec, given } = old;
        Self {
            name,
            uid: meta.uid,
            create_time: meta.create_time,
            update_time: meta.update_time,
            delete_time: meta.delete_time,
            purge_time: meta.purge_time,
            display_name: spec.display_name,
            description: spec.description,
            labels: spec.labels,
            enabled: spec.enabled,
            location: spec.location,
            dns_resolution: spec.dns_resolution,
            disaster_recovery: spec.disaster_recovery,
            former_server_groups: given.former_server_groups,
        }
    }
}

impl Record for StoredGroup {
    type Domain = Group;
    /// A group's second version is the first record of this service that the first release does not read.
    const FORMAT: u32 = 2;

    fn of(group: &Group) -> Self {
        let Resource { name, meta, spec, server_fields } = group.clone();
        Self::V2(GroupV2 {
            name,
            uid: meta.uid,
            create_time: meta.create_time,
            update_time: meta.update_time,
            delete_time: meta.delete_time,
            purge_time: meta.purge_time,
            display_name: spec.display_name.as_str().to_owned(),
            description: spec.description.as_str().to_owned(),
            labels: spec.labels.as_map().clone(),
            enabled: spec.enabled,
            location: spec.location,
            dns_resolution: spec.dns_resolution,
            disaster_recovery: spec.disaster_recovery,
            former_server_groups: server_fields.former_server_groups,
        })
    }

    fn into_domain(self) -> Result<Group, String> {
        let record = match self {
            Self::V1(old) => old.into(),
            Self::V2(record) => record,
        };
        let mut broken = Violations::new();
        let rules = Rules::of_stored();
        let display_name = DisplayName::check(&record.display_name, "display_name", &mut broken);
        let description = Description::check(&record.description, "description", &mut broken);
        let labels = Labels::check(&record.labels, &rules, "labels", &mut broken);
        let (Some(display_name), Some(description), Some(labels)) =
            (display_name, description, labels)
        else {
            return Err(format!("a stored group breaks a rule: {:?}", broken.list()));
        };
        Ok(Resource {
            name: record.name,
            meta: Meta {
                uid: record.uid,
                create_time: record.create_time,
                update_time: record.update_time,
                delete_time: record.delete_time,
                purge_time: record.purge_time,
            },
            spec: GroupSpec {
                display_name,
                description,
                labels,
                enabled: record.enabled,
                location: record.location,
                dns_resolution: record.dns_resolution,
                disaster_recovery: record.disaster_recovery,
            },
            server_fields: GroupServerFields { former_server_groups: record.former_server_groups },
        })
    }
}
