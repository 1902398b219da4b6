//! Records: versioned JSON. Every version that was ever written has a file in `golden/` and is read for ever.

use jiff::Timestamp;
use names::AppConnectorGroupName;
use resource::{Record, RecordError, record};
use serde::{Deserialize, Serialize};
use store::{Reads, Value};
use uuid::Uuid;

use crate::domain::{
    group::Group, policy::UpdatePolicy, schedule::Schedule, tenant::ConfirmedTenant,
};

/// Which records this version reads.
#[must_use]
pub(crate) fn reads() -> Reads {
    record::reads(&[StoredPolicy::FORMAT], env!("CARGO_PKG_VERSION"))
}

/// What an administrator writes, of which there is one at a place, with defaults until it is written.
pub(crate) trait Kept: Clone + Default + Send + Sync + 'static {
    /// Its record.
    type Stored: Record<Domain = Written<Self>>;
}

/// Something that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written<T> {
    /// What.
    pub(crate) value: T,
    /// Global id of the group or tenant that it was written for; empty where the record is older than the id.
    pub(crate) of: String,
    /// When.
    pub(crate) update_time: Timestamp,
}

/// A written schedule's row.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(crate) enum StoredSchedule {
    /// The only version.
    #[serde(rename = "1")]
    V1 {
        /// The group's global id.
        group_uid: String,
        /// What was written.
        #[serde(flatten)]
        schedule: Schedule,
        /// When.
        update_time: Timestamp,
    },
}

impl Kept for Schedule {
    type Stored = StoredSchedule;
}

impl Record for StoredSchedule {
    type Domain = Written<Schedule>;

    fn of(written: &Written<Schedule>) -> Self {
        let Written { value: schedule, of: group_uid, update_time } = written.clone();
        Self::V1 { group_uid, schedule, update_time }
    }

    fn into_domain(self) -> Result<Written<Schedule>, String> {
        let Self::V1 { group_uid, schedule, update_time } = self;
        Ok(Written { value: schedule, of: group_uid, update_time })
    }
}

/// A written policy's row.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(crate) enum StoredPolicy {
    /// Without the tenant's global id: counts for whoever has the name.
    #[serde(rename = "1")]
    V1 {
        /// What was written.
        #[serde(flatten)]
        policy: UpdatePolicy,
        /// When.
        update_time: Timestamp,
    },
    /// Counts for the tenant it was written for and not for one that was made anew under its name.
    #[serde(rename = "2")]
    V2 {
        /// The tenant's global id.
        tenant_uid: String,
        /// What was written.
        #[serde(flatten)]
        policy: UpdatePolicy,
        /// When.
        update_time: Timestamp,
    },
}

impl Kept for UpdatePolicy {
    type Stored = StoredPolicy;
}

impl Record for StoredPolicy {
    type Domain = Written<UpdatePolicy>;
    /// The first record of this service that the first release does not read.
    const FORMAT: u32 = 2;

    fn of(written: &Written<UpdatePolicy>) -> Self {
        let Written { value: policy, of: tenant_uid, update_time } = written.clone();
        Self::V2 { tenant_uid, policy, update_time }
    }

    fn into_domain(self) -> Result<Written<UpdatePolicy>, String> {
        let (of, policy, update_time) = match self {
            Self::V1 { policy, update_time } => (String::new(), policy, update_time),
            Self::V2 { tenant_uid, policy, update_time } => (tenant_uid, policy, update_time),
        };
        Ok(Written { value: policy, of, update_time })
    }
}

/// A group's row; its name is in the key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "v")]
pub(super) enum StoredGroup {
    #[serde(rename = "1")]
    V1 { uid: String, time_zone: String, deleted: bool },
}

impl Record for StoredGroup {
    /// Without the name, nothing but the row itself.
    type Domain = Self;

    fn of(row: &Self) -> Self {
        row.clone()
    }

    fn into_domain(self) -> Result<Self, String> {
        Ok(self)
    }
}

impl StoredGroup {
    pub(super) fn read(name: &AppConnectorGroupName, value: &[u8]) -> Result<Group, RecordError> {
        let Self::V1 { uid, time_zone, deleted } = record::decode::<Self>(value)?;
        Ok(Group { name: name.clone(), uid, time_zone, deleted })
    }

    pub(super) fn write(group: &Group) -> Result<Value, RecordError> {
        let Group { name: _, uid, time_zone, deleted } = group.clone();
        record::encode::<Self>(&Self::V1 { uid, time_zone, deleted })
    }
}

/// The row of a tenant's global id.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(super) enum StoredTenant {
    #[serde(rename = "1")]
    V1 { uid: Uuid, confirmed: Timestamp },
}

impl Record for StoredTenant {
    type Domain = ConfirmedTenant;

    fn of(tenant: &ConfirmedTenant) -> Self {
        Self::V1 { uid: tenant.uid, confirmed: tenant.time }
    }

    fn into_domain(self) -> Result<ConfirmedTenant, String> {
        let Self::V1 { uid, confirmed } = self;
        Ok(ConfirmedTenant { uid, time: confirmed })
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

    fn full_schedule() -> Written<Schedule> {
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
        Written { value: schedule, of: "u-1".into(), update_time: update_time() }
    }

    fn full_policy() -> Written<UpdatePolicy> {
        let freeze = Freeze {
            start: update_time(),
            end: "2026-12-31T00:00:00Z".parse().unwrap(),
            reason: "year end".into(),
            groups: vec!["tenants/acme/appConnectorGroups/berlin".parse().unwrap()],
        };
        let version_profile = "versionProfiles/previous-default".parse().unwrap();
        let value = UpdatePolicy { version_profile, freezes: vec![freeze] };
        Written { value, of: "t-1".into(), update_time: update_time() }
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
    fn every_version_ever_written_is_still_read_and_the_newest_still_written() {
        let schedule = include_bytes!("golden/schedule-1.json");
        let schedule = record::golden::<StoredSchedule>(schedule, true);
        assert_eq!(schedule.unwrap(), full_schedule());
        let old = record::golden::<StoredPolicy>(include_bytes!("golden/policy-1.json"), false);
        assert_eq!(old.unwrap(), Written { of: String::new(), ..full_policy() });
        let policy = record::golden::<StoredPolicy>(include_bytes!("golden/policy-2.json"), true);
        assert_eq!(policy.unwrap(), full_policy());
        let tenant = record::golden::<StoredTenant>(include_bytes!("golden/tenant-1.json"), true);
        let uid = "2f1c9a34-5b7e-4c11-9d7a-6f0e8b3c2d10".parse().unwrap();
        assert_eq!(tenant.unwrap(), ConfirmedTenant { uid, time: update_time() });
        let stored = include_bytes!("golden/group-1.json");
        record::golden::<StoredGroup>(stored, true).unwrap();
        let group = StoredGroup::read(&full_group().name, stored).unwrap();
        assert_eq!(group, full_group());
    }

    #[test]
    fn a_group_comes_back_as_it_was_written() {
        let written = StoredGroup::write(&full_group()).unwrap();
        assert_eq!(StoredGroup::read(&full_group().name, &written.bytes).unwrap(), full_group());
    }

    #[test]
    fn a_record_of_a_newer_version_is_refused_and_not_guessed() {
        let error = record::decode::<StoredPolicy>(br#"{"v":"3"}"#).unwrap_err();
        assert!(error.to_string().contains("does not decode"), "{error}");
    }
}
