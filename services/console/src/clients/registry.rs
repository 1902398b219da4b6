//! Registry: groups, connectors and server groups.

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
use tonic::Status;

use crate::domain::{
    fleet::{Connector, DnsResolution, Group, Place, ServerGroup},
    registered::Change,
};

/// Registry, as far as the console needs it.
#[derive(Clone)]
pub struct Registry {
    client: RegistryServiceClient<Channel>,
}

impl Registry {
    /// Over a channel; nothing is dialled before the first call.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self { client: RegistryServiceClient::new(channel) }
    }

    /// One live group; `None` when registry knows that there is none.
    pub async fn group(&self, name: &AppConnectorGroupName) -> Result<Option<Group>, Failure> {
        let answer = retry(RetryPolicy::default(), || {
            let mut client = self.client.clone();
            let request =
                wire::GetAppConnectorGroupRequest { name: name.to_string(), read_time: None };
            async move { client.get_app_connector_group(request).await }
        });
        let group = found(answer.await.map(tonic::Response::into_inner))?;
        Ok(group.filter(|group| group.delete_time.is_none()).and_then(group_in))
    }

    /// Whether there is such a tenant.
    pub async fn has_tenant(&self, name: &TenantName) -> Result<bool, Failure> {
        let answer = retry(RetryPolicy::default(), || {
            let mut client = self.client.clone();
            let request = wire::GetTenantRequest { name: name.to_string(), read_time: None };
            async move { client.get_tenant(request).await }
        });
        let tenant = found(answer.await.map(tonic::Response::into_inner))?;
        Ok(tenant.is_some_and(|tenant| tenant.delete_time.is_none()))
    }

    /// The watch of everything a row shows, of all tenants.
    pub fn watch(&self) -> impl Source<Event = Change> + use<> {
        let client = self.client.clone();
        let open = move |resume_token| {
            let mut client = client.clone();
            let types = [
                ResourceType::AppConnectorGroup,
                ResourceType::AppConnector,
                ResourceType::ServerGroup,
            ];
            let request = WatchRequest {
                parent: rpc::access::ALL_TENANTS.to_owned(),
                types: types.into_iter().map(Into::into).collect(),
                resume_token,
                filter: String::new(),
                follower: String::new(),
            };
            async move { client.watch(request).await }
        };
        watch::source(open, change_in)
    }
}

/// NOT_FOUND is an answer.
fn found<T>(answer: Result<T, Status>) -> Result<Option<T>, Failure> {
    match answer.map_err(|status| Failure::from_status(&status)) {
        Ok(value) => Ok(Some(value)),
        Err(failure) if failure.kind() == Kind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What an event means here; `None` for what no row shows.
pub(super) fn change_in(event: Event) -> Option<Change> {
    let purged = event.r#type() == ChangeType::Deleted;
    let Event { r#type: _, delete_cause: _, resource } = event;
    match resource? {
        Resource::AppConnectorGroup(group) if purged || group.delete_time.is_some() => {
            Some(Change::GroupGone(group.name.parse().ok()?))
        }
        Resource::AppConnectorGroup(group) => Some(Change::Group(Box::new(group_in(group)?))),
        Resource::AppConnector(connector) if purged || connector.delete_time.is_some() => {
            Some(Change::ConnectorGone(connector.name.parse().ok()?))
        }
        Resource::AppConnector(connector) => Some(Change::Connector(connector_in(connector)?)),
        Resource::ServerGroup(group) if purged || group.delete_time.is_some() => {
            Some(Change::ServerGroupGone(group.name.parse().ok()?))
        }
        Resource::ServerGroup(group) => Some(Change::ServerGroup(server_group_in(group)?)),
        Resource::Tenant(_) | Resource::ApplicationSegment(_) | Resource::ClientNetwork(_) => None,
    }
}

/// `None` only for a name that is not one, which registry never sends.
fn group_in(group: wire::AppConnectorGroup) -> Option<Group> {
    let dns = match group.dns_resolution_option() {
        wire::DnsResolutionOption::Ipv4 => DnsResolution::Ipv4,
        wire::DnsResolutionOption::Ipv6 => DnsResolution::Ipv6,
        wire::DnsResolutionOption::Ipv4Ipv6 | wire::DnsResolutionOption::Unspecified => {
            DnsResolution::Both
        }
    };
    let time = |time: Option<prost_types::Timestamp>| time.as_ref().and_then(rpc::time::parse);
    Some(Group {
        name: group.name.parse().ok()?,
        display_name: group.display_name,
        description: group.description,
        enabled: group.enabled.unwrap_or(true),
        labels: group.labels,
        place: group.location.map(place_in).unwrap_or_default(),
        dns,
        disaster_recovery: group.disaster_recovery,
        create_time: time(group.create_time),
        update_time: time(group.update_time),
        etag: group.etag,
    })
}

fn place_in(location: wire::Location) -> Place {
    let written = location.country_code;
    let country_code = if written.is_empty() { location.effective_country_code } else { written };
    Place {
        address: location.address,
        city: location.city,
        country_code,
        coordinates: location.coordinates.map(|at| (at.latitude, at.longitude)),
        time_zone: location.effective_time_zone,
    }
}

fn connector_in(connector: wire::AppConnector) -> Option<Connector> {
    Some(Connector {
        name: connector.name.parse().ok()?,
        display_name: connector.display_name,
        enabled: connector.enabled.unwrap_or(true),
        group: connector.app_connector_group.parse().ok()?,
    })
}

fn server_group_in(group: wire::ServerGroup) -> Option<ServerGroup> {
    let groups = group.app_connector_groups.iter().filter_map(|name| name.parse().ok()).collect();
    Some(ServerGroup { name: group.name.parse().ok()?, groups })
}
