//! Keys and their use counts.

use std::{collections::BTreeMap, num::NonZeroU64};

use jiff::Timestamp;
use names::{AppConnectorGroupName, Cidr, ProvisioningKeyName};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use resource::Record;

use super::Hex;
use crate::domain::{
    key::{Deletion, KeySpec, ProvisioningKey},
    secret::SecretHash,
    text::{DisplayName, Labels},
    uses::Uses,
};

/// A key as it is kept: with what tells its secret from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptKey {
    pub(crate) key: ProvisioningKey,
    pub(crate) secret: SecretHash,
}

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

/// Versions of the record by which history remembers a key: no place for its secret's hash.
///
/// What a key's own record holds besides is passed over, so that this reads such a record too.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(crate) enum StoredPastKey {
    #[serde(rename = "1")]
    V1(PastKeyV1),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct PastKeyV1 {
    name: ProvisioningKeyName,
    uid: Uuid,
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
    type Domain = KeptKey;

    fn of(kept: &KeptKey) -> Self {
        let past = PastKeyV1::of(&kept.key);
        Self::V1(KeyV1 {
            name: past.name,
            uid: past.uid,
            secret_sha256: Hex(kept.secret.0.to_vec()),
            display_name: past.display_name,
            app_connector_group: past.app_connector_group,
            enabled: past.enabled,
            max_uses: past.max_uses,
            expire_time: past.expire_time,
            allowed_cidrs: past.allowed_cidrs,
            labels: past.labels,
            app_connector_labels: past.app_connector_labels,
            create_time: past.create_time,
            update_time: past.update_time,
            deleted: past.deleted,
        })
    }

    fn into_domain(self) -> Result<KeptKey, String> {
        let Self::V1(record) = self;
        let past = PastKeyV1 {
            name: record.name,
            uid: record.uid,
            display_name: record.display_name,
            app_connector_group: record.app_connector_group,
            enabled: record.enabled,
            max_uses: record.max_uses,
            expire_time: record.expire_time,
            allowed_cidrs: record.allowed_cidrs,
            labels: record.labels,
            app_connector_labels: record.app_connector_labels,
            create_time: record.create_time,
            update_time: record.update_time,
            deleted: record.deleted,
        };
        let secret = SecretHash(record.secret_sha256.hash()?);
        Ok(KeptKey { key: past.into_domain()?, secret })
    }
}

impl Record for StoredPastKey {
    type Domain = ProvisioningKey;

    fn of(key: &ProvisioningKey) -> Self {
        Self::V1(PastKeyV1::of(key))
    }

    fn into_domain(self) -> Result<ProvisioningKey, String> {
        let Self::V1(record) = self;
        record.into_domain()
    }
}

impl PastKeyV1 {
    fn of(key: &ProvisioningKey) -> Self {
        let spec = key.spec.clone();
        Self {
            name: key.name.clone(),
            uid: key.uid,
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
        }
    }

    fn into_domain(self) -> Result<ProvisioningKey, String> {
        let cidrs = self.allowed_cidrs.iter().map(|text| text.parse::<Cidr>());
        let spec = KeySpec {
            display_name: DisplayName::parse(&self.display_name).map_err(|e| e.to_string())?,
            group: self.app_connector_group,
            enabled: self.enabled,
            max_uses: NonZeroU64::new(self.max_uses),
            expire_time: self.expire_time,
            allowed_cidrs: cidrs.collect::<Result<_, _>>().map_err(|e| e.to_string())?,
            labels: Labels::parse(self.labels).map_err(|e| e.to_string())?,
            connector_labels: Labels::parse(self.app_connector_labels)
                .map_err(|e| e.to_string())?,
        };
        let deleted = self.deleted.map(|DeletionV1 { at, purge_time, with }| Deletion {
            at,
            purge_time,
            with,
        });
        Ok(ProvisioningKey {
            name: self.name,
            uid: self.uid,
            spec,
            create_time: self.create_time,
            update_time: self.update_time,
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
