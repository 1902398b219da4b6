//! Updates: schedules of groups.
//!
//! ## Design notes
//! The columns that updates answers are passed on as they came. Taking them apart and putting them together again would
//! only add a place in which a new field is forgotten; nothing here looks into them.

use std::collections::BTreeMap;

use names::{AppConnectorGroupName, TenantName, UpdateScheduleName};
use proto::{
    r#type::v1::Condition,
    updates::v1::{
        BatchGetUpdateSchedulesRequest, EffectiveVersionProfile, NextPeriodicUpdate,
        UpdateSchedule, updates_service_client::UpdatesServiceClient,
    },
};
use rpc::{
    Failure,
    client::{Channel, RetryPolicy, retry},
};

/// Updates, as far as the console needs it.
#[derive(Clone)]
pub struct Updates {
    client: UpdatesServiceClient<Channel>,
}

/// What a row shows of a group's schedule, as updates answered it.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleColumns {
    /// The profile that counts.
    pub version_profile: Option<EffectiveVersionProfile>,
    /// The next window.
    pub next_periodic_update: Option<NextPeriodicUpdate>,
    /// Whether the group keeps its own profile.
    pub persist_local_version_profile: bool,
    /// What updates finds wrong.
    pub conditions: Vec<Condition>,
}

impl Updates {
    /// Over a channel; nothing is dialled before the first call.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self { client: UpdatesServiceClient::new(channel) }
    }

    /// The schedules of these groups, at most 1,000; a group that updates does not know is not among them.
    pub async fn schedules(
        &self,
        tenant: &TenantName,
        groups: &[AppConnectorGroupName],
    ) -> Result<BTreeMap<AppConnectorGroupName, ScheduleColumns>, Failure> {
        if groups.is_empty() {
            return Ok(BTreeMap::new());
        }
        let request = BatchGetUpdateSchedulesRequest {
            parent: tenant.to_string(),
            names: groups.iter().map(|group| group.update_schedule().to_string()).collect(),
        };
        let answer = retry(RetryPolicy::default(), || {
            let (mut client, request) = (self.client.clone(), request.clone());
            async move { client.batch_get_update_schedules(request).await }
        });
        let answer = answer.await.map_err(|status| Failure::from_status(&status))?.into_inner();
        Ok(answer.update_schedules.into_iter().filter_map(columns).collect())
    }
}

fn columns(schedule: UpdateSchedule) -> Option<(AppConnectorGroupName, ScheduleColumns)> {
    let name: UpdateScheduleName = schedule.name.parse().ok()?;
    let columns = ScheduleColumns {
        persist_local_version_profile: schedule.persist_local_version_profile.unwrap_or(false),
        version_profile: schedule.effective_version_profile,
        next_periodic_update: schedule.next_periodic_update,
        conditions: schedule.conditions,
    };
    Some((name.app_connector_group(), columns))
}
