//! Keys and their use counts.

use std::{collections::BTreeMap, num::NonZeroU64};

use jiff::Timestamp;
use names::{AppConnectorGroupName, Cidr, ProvisioningKeyName};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Hex, Record};
use crate::domain::{
    key::{Deletion, KeySpec, ProvisioningKey},
    secret::SecretHash,
    text::{DisplayName, Labels},
    uses::Uses,
};

/// Versions of a provisioning key's record.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(in crate::store) enum StoredKey {
    #[serde(rename = "1")]
    V1(KeyV1),
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct KeyV1 {
    name: ProvisioningKeyName,
    uid: Uuid,
    secret_sha256: Hex,
    display_name: String,
    app_connector_group: AppConnectorGroupName,
    enabled: bool,
    max_uses: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    expire_time: Option<Timestamp>,
    allowed_cidrs: Vec<String>,
    labels: BTreeMap<String, String>,
    app_connector_labels: BTreeMap<String, String>,
    create_time: Timestamp,
    update_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    deleted: Option<DeletionV1>,
}

#[derive(Serialize, Deserialize)]
struct DeletionV1 {
    at: Timestamp,
    purge_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    with: Option<AppConnectorGroupName>,
}

impl Record for StoredKey {
    type Domain = ProvisioningKey;

    fn of(key: &ProvisioningKey) -> Self {
        let spec = key.spec.clone();
        Self::V1(KeyV1 {
            name: key.name.clone(),
            uid: key.uid,
            secret_sha256: Hex(key.secret.0.to_vec()),
            display_name: spec.display_name.as_str().to_owned(),
            app_connector_group: spec.group,
            enabled: spec.enabled,
            max_uses: spec.max_uses.map_or(0, NonZeroU64::get),
            expire_time: spec.expire_time,
            allowed_cidrs: spec.allowed_cidrs.iter().map(ToString::to_string).collect(),
            labels: spec.labels.as_map().clone(),
            app_connector_labels: spec.connector_labels.as_map().clone(),
            create_time: key.create_time,
            update_time: key.update_time,
            deleted: key.deleted.clone().map(|Deletion { at, purge_time, with }| DeletionV1 {
                at,
                purge_time,
                with,
            }),
        })
    }

    fn into_domain(self) -> Result<ProvisioningKey, String> {
        let Self::V1(record) = self;
        let cidrs = record.allowed_cidrs.iter().map(|text| text.parse::<Cidr>());
        let spec = KeySpec {
            display_name: DisplayName::parse(&record.display_name).map_err(|e| e.to_string())?,
            group: record.app_connector_group,
            enabled: record.enabled,
            max_uses: NonZeroU64::new(record.max_uses),
            expire_time: record.expire_time,
            allowed_cidrs: cidrs.collect::<Result<_, _>>().map_err(|e| e.to_string())?,
            labels: Labels::parse(record.labels).map_err(|e| e.to_string())?,
            connector_labels: Labels::parse(record.app_connector_labels)
                .map_err(|e| e.to_string())?,
        };
        let deleted = record.deleted.map(|DeletionV1 { at, purge_time, with }| Deletion {
            at,
            purge_time,
            with,
        });
        Ok(ProvisioningKey {
            name: record.name,
            uid: record.uid,
            secret: SecretHash(record.secret_sha256.hash()?),
            spec,
            create_time: record.create_time,
            update_time: record.update_time,
            deleted,
        })
    }
}

/// Versions of a use count's record.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(in crate::store) enum StoredUses {
    #[serde(rename = "1")]
    V1 {
        count: u64,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        last: Option<Timestamp>,
    },
}

impl Record for StoredUses {
    type Domain = Uses;

    fn of(uses: &Uses) -> Self {
        Self::V1 { count: uses.count, last: uses.last }
    }

    fn into_domain(self) -> Result<Uses, String> {
        let Self::V1 { count, last } = self;
        Ok(Uses { count, last })
    }
}
