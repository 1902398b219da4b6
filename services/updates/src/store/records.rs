//! Records: versioned JSON. Every version that was ever written has a file in `golden/` and is read for ever.

use jiff::Timestamp;
use names::AppConnectorGroupName;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::domain::{group::Group, policy::UpdatePolicy, schedule::Schedule};

/// A row that this program cannot understand: damaged, or written by a newer one.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The value is not a record of a known version.
    #[error("a {kind} record cannot be read or written: {source}")]
    Value {
        /// Which kind of record.
        kind: &'static str,
        /// What serde says.
        source: serde_json::Error,
    },
    /// The key does not name what it should.
    #[error("the key {0} names no group")]
    Key(String),
}

fn read<T: DeserializeOwned>(kind: &'static str, value: &[u8]) -> Result<T, RecordError> {
    serde_json::from_slice(value).map_err(|source| RecordError::Value { kind, source })
}

fn write<T: Serialize>(kind: &'static str, record: &T) -> Result<Vec<u8>, RecordError> {
    serde_json::to_vec(record).map_err(|source| RecordError::Value { kind, source })
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum GroupRecord {
    #[serde(rename = "1")]
    V1 { uid: String, time_zone: String, deleted: bool },
}

/// A group's row; its name is in the key.
pub(super) struct StoredGroup;

impl StoredGroup {
    pub(super) fn read(name: &AppConnectorGroupName, value: &[u8]) -> Result<Group, RecordError> {
        let GroupRecord::V1 { uid, time_zone, deleted } = read("group", value)?;
        Ok(Group { name: name.clone(), uid, time_zone, deleted })
    }

    pub(super) fn write(group: &Group) -> Result<Vec<u8>, RecordError> {
        let Group { name: _, uid, time_zone, deleted } = group.clone();
        write("group", &GroupRecord::V1 { uid, time_zone, deleted })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum ScheduleRecord {
    #[serde(rename = "1")]
    V1 {
        group_uid: String,
        #[serde(flatten)]
        schedule: Schedule,
        update_time: Timestamp,
    },
}

/// A written schedule's row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StoredSchedule {
    pub(super) group_uid: String,
    pub(super) schedule: Schedule,
    pub(super) update_time: Timestamp,
}

impl StoredSchedule {
    pub(super) fn read(value: &[u8]) -> Result<Self, RecordError> {
        let ScheduleRecord::V1 { group_uid, schedule, update_time } = read("schedule", value)?;
        Ok(Self { group_uid, schedule, update_time })
    }

    pub(super) fn write(self) -> Result<Vec<u8>, RecordError> {
        let Self { group_uid, schedule, update_time } = self;
        write("schedule", &ScheduleRecord::V1 { group_uid, schedule, update_time })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum PolicyRecord {
    #[serde(rename = "1")]
    V1 {
        #[serde(flatten)]
        policy: UpdatePolicy,
        update_time: Timestamp,
    },
}

/// A written policy's row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StoredPolicy {
    pub(super) policy: UpdatePolicy,
    pub(super) update_time: Timestamp,
}

impl StoredPolicy {
    pub(super) fn read(value: &[u8]) -> Result<Self, RecordError> {
        let PolicyRecord::V1 { policy, update_time } = read("policy", value)?;
        Ok(Self { policy, update_time })
    }

    pub(super) fn write(self) -> Result<Vec<u8>, RecordError> {
        let Self { policy, update_time } = self;
        write("policy", &PolicyRecord::V1 { policy, update_time })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        freeze::Freeze,
        pace::{Canary, FailureAction, MaxUnavailable, Pace},
        window::{Days, MaintenanceWindow},
    };

    fn update_time() -> Timestamp {
        "2026-11-23T14:00:00Z".parse().unwrap()
    }

    fn full_schedule() -> StoredSchedule {
        let last_tuesday =
            Days::Monthly { nth: (-1).try_into().unwrap(), weekday: jiff::civil::Weekday::Tuesday };
        let schedule = Schedule {
            enabled: false,
            windows: vec![
                MaintenanceWindow::DEFAULT,
                MaintenanceWindow { days: last_tuesday, ..MaintenanceWindow::DEFAULT },
            ],
            time_zone: Some("Europe/Berlin".into()),
            persisted_profile: Some("versionProfiles/new-release".parse().unwrap()),
            pace: Pace {
                max_unavailable: MaxUnavailable::Percent(20),
                canary: Canary { count: 2, soak_seconds: 3600 },
                retry_limit: 3,
                failure_threshold: 4,
                on_failure: FailureAction::Continue,
            },
        };
        StoredSchedule { group_uid: "u-1".into(), schedule, update_time: update_time() }
    }

    fn full_policy() -> StoredPolicy {
        let freeze = Freeze {
            start: update_time(),
            end: "2026-12-31T00:00:00Z".parse().unwrap(),
            reason: "year end".into(),
            groups: vec!["tenants/acme/appConnectorGroups/berlin".parse().unwrap()],
        };
        let version_profile = "versionProfiles/previous-default".parse().unwrap();
        let policy = UpdatePolicy { version_profile, freezes: vec![freeze] };
        StoredPolicy { policy, update_time: update_time() }
    }

    fn full_group() -> Group {
        Group {
            name: "tenants/acme/appConnectorGroups/berlin".parse().unwrap(),
            uid: "u-1".into(),
            time_zone: "Europe/Berlin".into(),
            deleted: true,
        }
    }

    #[test]
    fn every_version_ever_written_is_still_read() {
        let schedule = StoredSchedule::read(include_bytes!("golden/schedule-1.json")).unwrap();
        assert_eq!(schedule, full_schedule());
        let policy = StoredPolicy::read(include_bytes!("golden/policy-1.json")).unwrap();
        assert_eq!(policy, full_policy());
        let name = full_group().name;
        let group = StoredGroup::read(&name, include_bytes!("golden/group-1.json")).unwrap();
        assert_eq!(group, full_group());
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let schedule = StoredSchedule::read(&full_schedule().write().unwrap()).unwrap();
        assert_eq!(schedule, full_schedule());
        let policy = StoredPolicy::read(&full_policy().write().unwrap()).unwrap();
        assert_eq!(policy, full_policy());
        let written = StoredGroup::write(&full_group()).unwrap();
        assert_eq!(StoredGroup::read(&full_group().name, &written).unwrap(), full_group());
    }

    #[test]
    fn a_record_of_a_newer_version_is_refused_and_not_guessed() {
        let error = StoredPolicy::read(br#"{"v":"2"}"#).unwrap_err();
        assert!(error.to_string().contains("policy"), "{error}");
    }
}
