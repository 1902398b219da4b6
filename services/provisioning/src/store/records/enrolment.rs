//! The ledger.

use std::{collections::BTreeMap, net::IpAddr};

use jiff::Timestamp;
use names::{AppConnectorGroupName, AppConnectorName, EnrolmentName, ProvisioningKeyName};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use resource::Record;

use super::{
    Hex,
    trust::{LeafV1, ReasonV1},
};
use crate::domain::{
    enrolment::{Enrolment, EnrolmentState, Host},
    text::Labels,
};

/// Versions of an enrolment's record.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(in crate::store) enum StoredEnrolment {
    #[serde(rename = "1")]
    V1(EnrolmentV1),
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct EnrolmentV1 {
    name: EnrolmentName,
    provisioning_key: ProvisioningKeyName,
    provisioning_key_uid: Uuid,
    app_connector_group: AppConnectorGroupName,
    app_connector: AppConnectorName,
    app_connector_labels: BTreeMap<String, String>,
    public_key_sha256: Hex,
    source: IpAddr,
    fingerprint: String,
    hostname: String,
    platform: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    instance_id: Option<Uuid>,
    state: StateV1,
    create_time: Timestamp,
    update_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    leaf: Option<LeafV1>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
enum StateV1 {
    Reserved,
    Active { since: Timestamp },
    Abandoned { reason: String },
    Revoked { since: Timestamp, reason: ReasonV1 },
}

impl From<EnrolmentState> for StateV1 {
    fn from(state: EnrolmentState) -> Self {
        match state {
            EnrolmentState::Reserved => Self::Reserved,
            EnrolmentState::Active { since } => Self::Active { since },
            EnrolmentState::Abandoned { reason } => Self::Abandoned { reason },
            EnrolmentState::Revoked { since, reason } => {
                Self::Revoked { since, reason: reason.into() }
            }
        }
    }
}

impl From<StateV1> for EnrolmentState {
    fn from(state: StateV1) -> Self {
        match state {
            StateV1::Reserved => Self::Reserved,
            StateV1::Active { since } => Self::Active { since },
            StateV1::Abandoned { reason } => Self::Abandoned { reason },
            StateV1::Revoked { since, reason } => Self::Revoked { since, reason: reason.into() },
        }
    }
}

impl Record for StoredEnrolment {
    type Domain = Enrolment;

    fn of(enrolment: &Enrolment) -> Self {
        let Enrolment { host, .. } = enrolment.clone();
        Self::V1(EnrolmentV1 {
            name: enrolment.name.clone(),
            provisioning_key: enrolment.key.clone(),
            provisioning_key_uid: enrolment.key_uid,
            app_connector_group: enrolment.group.clone(),
            app_connector: enrolment.connector.clone(),
            app_connector_labels: enrolment.connector_labels.as_map().clone(),
            public_key_sha256: Hex(enrolment.public_key.to_vec()),
            source: enrolment.source,
            fingerprint: host.fingerprint,
            hostname: host.hostname,
            platform: host.platform,
            version: host.version,
            instance_id: host.instance_id,
            state: enrolment.state.clone().into(),
            create_time: enrolment.create_time,
            update_time: enrolment.update_time,
            leaf: enrolment.leaf.clone().map(Into::into),
        })
    }

    fn into_domain(self) -> Result<Enrolment, String> {
        let Self::V1(record) = self;
        Ok(Enrolment {
            name: record.name,
            key: record.provisioning_key,
            key_uid: record.provisioning_key_uid,
            group: record.app_connector_group,
            connector: record.app_connector,
            connector_labels: Labels::parse(record.app_connector_labels)
                .map_err(|e| e.to_string())?,
            public_key: record.public_key_sha256.hash()?,
            source: record.source,
            host: Host {
                fingerprint: record.fingerprint,
                hostname: record.hostname,
                platform: record.platform,
                version: record.version,
                instance_id: record.instance_id,
            },
            state: record.state.into(),
            create_time: record.create_time,
            update_time: record.update_time,
            leaf: record.leaf.map(Into::into),
        })
    }
}
