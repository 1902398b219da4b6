//! What updates asks of its siblings: groups and tenants, of registry.
//!
//! Owns: the calls and what their answers mean here.
//! Always holds: a call has a deadline; only reads are repeated.
//! Absent on purpose: a trait; there is one registry.

use names::{AppConnectorGroupName, TenantName};
use proto::registry::v1::{
    self as wire, Event, ResourceType, WatchRequest, event::Resource,
    registry_service_client::RegistryServiceClient,
};
use proto::r#type::v1::ChangeType;
use rpc::{
    Failure, Kind,
    client::{Channel, RetryPolicy, retry},
    watch::{self, Source},
};

use crate::{domain::group::Group, service::groups::GroupChange};

/// Registry, as far as updates needs it.
#[derive(Clone)]
pub(crate) struct Registry {
    client: RegistryServiceClient<Channel>,
}

impl Registry {
    /// Over a channel; nothing is dialled before the first call.
    #[must_use]
    pub(crate) fn new(channel: Channel) -> Self {
        Self { client: RegistryServiceClient::new(channel) }
    }

    /// One group; `None` when registry knows that there is none.
    pub(crate) async fn group(
        &self,
        name: &AppConnectorGroupName,
    ) -> Result<Option<Group>, Failure> {
        let answer = retry(RetryPolicy::default(), || {
            let mut client = self.client.clone();
            let request =
                wire::GetAppConnectorGroupRequest { name: name.to_string(), read_time: None };
            async move { client.get_app_connector_group(request).await }
        });
        match answer.await {
            Ok(answer) => Ok(group_in(answer.into_inner())),
            Err(status) => {
                let failure = Failure::from_status(&status);
                if failure.kind() == Kind::NotFound { Ok(None) } else { Err(failure) }
            }
        }
    }

    /// One tenant; `None` when registry knows that there is none.
    pub(crate) async fn tenant(&self, name: &TenantName) -> Result<Option<Tenant>, Failure> {
        let answer = retry(RetryPolicy::default(), || {
            let mut client = self.client.clone();
            let request = wire::GetTenantRequest { name: name.to_string(), read_time: None };
            async move { client.get_tenant(request).await }
        });
        match answer.await {
            Ok(answer) => {
                let wire::Tenant { uid, delete_time, .. } = answer.into_inner();
                let uid = uid.parse().map_err(Failure::defect)?;
                Ok(Some(Tenant { uid, deleted: delete_time.is_some() }))
            }
            Err(status) => {
                let failure = Failure::from_status(&status);
                if failure.kind() == Kind::NotFound { Ok(None) } else { Err(failure) }
            }
        }
    }

    /// Registry's watch of all groups of all tenants.
    pub(crate) fn groups(&self) -> impl Source<Event = GroupChange> + use<> {
        let client = self.client.clone();
        let open = move |resume_token| {
            let mut client = client.clone();
            let request = WatchRequest {
                parent: rpc::access::ALL_TENANTS.to_owned(),
                types: vec![ResourceType::AppConnectorGroup.into()],
                resume_token,
                filter: String::new(),
                follower: String::new(),
            };
            async move { client.watch(request).await }
        };
        watch::source(open, change_in)
    }
}

/// A tenant, as far as it counts here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tenant {
    /// Its global id.
    pub(crate) uid: uuid::Uuid,
    /// Soft-deleted: its name may soon be another's.
    pub(crate) deleted: bool,
}

/// What an event means here; `None` for what is not a group (a newer registry may send more than was asked for).
fn change_in(event: Event) -> Option<GroupChange> {
    let purged = event.r#type() == ChangeType::Deleted;
    let Event { r#type: _, delete_cause: _, resource } = event;
    let Some(Resource::AppConnectorGroup(group)) = resource else { return None };
    let group = group_in(group)?;
    Some(if purged { GroupChange::Purged(group.name) } else { GroupChange::Is(group) })
}

/// The part of a group that counts here; `None` when its name is not one, which registry never sends.
fn group_in(group: wire::AppConnectorGroup) -> Option<Group> {
    let name = group.name.parse().ok()?;
    let time_zone = group.location.map(|it| it.effective_time_zone).unwrap_or_default();
    Some(Group { name, uid: group.uid, time_zone, deleted: group.delete_time.is_some() })
}

#[cfg(test)]
mod fuzz {
    use prost::Message;
    use trial::fuzz::Verdict;

    use super::*;

    fn group() -> wire::AppConnectorGroup {
        let location = wire::Location {
            effective_time_zone: "Europe/Berlin".to_owned(),
            ..wire::Location::default()
        };
        wire::AppConnectorGroup {
            name: "tenants/acme/appConnectorGroups/berlin".to_owned(),
            uid: "u-1".to_owned(),
            location: Some(location),
            ..wire::AppConnectorGroup::default()
        }
    }

    #[test]
    fn any_bytes_of_registrys_watch_are_groups_by_their_names_or_nothing() {
        let event = |change: ChangeType| Event {
            r#type: change.into(),
            resource: Some(Resource::AppConnectorGroup(group())),
            ..Event::default()
        };
        let events = vec![event(ChangeType::Added), event(ChangeType::Deleted)];
        let response = wire::WatchResponse { events, ..wire::WatchResponse::default() };
        let target = trial::target!("watch_responses").with(response.encode_to_vec());
        target.run(|input| {
            let Ok(response) = wire::WatchResponse::decode(input) else {
                return Verdict::Refused("no message".to_owned());
            };
            let told = response.events.len();
            let batch = watch::batch(response, change_in);
            assert!(batch.events.len() <= told, "more groups than events");
            for change in &batch.events {
                let (GroupChange::Is(Group { name, .. }) | GroupChange::Purged(name)) = change;
                assert_eq!(name.to_string().parse().as_ref(), Ok(name));
            }
            (!batch.events.is_empty()).then_some(()).into()
        });
    }
}
