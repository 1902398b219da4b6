//! Registry's watch: every kind of object of all tenants.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use bytes::Bytes;
use names::Id;
use prost::Message as _;
use proto::registry::v1::{
    self as wire, ConfirmWatchRequest, DnsResolutionOption, Event, TenantState, WatchRequest,
    event::Resource, registry_service_client::RegistryServiceClient,
};
use proto::r#type::v1::{ChangeType, DeleteCause};
use rpc::{client::Channel, watch::Source};
use tokio::sync::watch;
use uuid::Uuid;

use super::Told;
use crate::domain::{
    configuration::{
        ClientNetwork, Connector, Country, DEFAULT_STICKY_FOR, DEFAULT_WEIGHT, Families, Group,
        HealthReporting, MatchStyle, PortRange, Preference, Segment, SelectionPolicy, Server,
        ServerGroup, UnhealthyPolicy,
        model::{Fact, Membership, Standing},
    },
    cost::place::Coordinates,
    matching::host::{Domain, Host},
};

/// Label of a connector that names what fails together with it.
const FAILURE_DOMAIN: &str = "failure_domain";
/// Highest number of a priority.
const LOWEST_PRIORITY: u8 = 9;
/// How long a confirmation may be under way: as long as a writer waits for it, and no longer.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(1);

/// The watch, under one name for registry's writers to wait for.
pub(crate) struct ConfigurationWatch {
    client: RegistryServiceClient<Channel>,
    follower: Uuid,
}

impl ConfigurationWatch {
    /// Over a channel; nothing is dialled before the watch is opened.
    #[must_use]
    pub(crate) fn new(channel: Channel) -> Self {
        Self { client: RegistryServiceClient::new(channel), follower: Uuid::new_v4() }
    }

    /// Every kind of object of all tenants.
    pub(crate) fn source(&self) -> impl Source<Event = Told<Fact>> + use<> {
        let (client, follower) = (self.client.clone(), self.follower.to_string());
        let open = move |resume_token| {
            let mut client = client.clone();
            let request = WatchRequest {
                parent: rpc::access::ALL_TENANTS.to_owned(),
                types: Vec::new(),
                resume_token,
                filter: String::new(),
                follower: follower.clone(),
            };
            async move { client.watch(request).await }
        };
        rpc::watch::source(open, told)
    }

    /// Tells registry how far answers have come: its writers of withdrawals wait for that. Ends with `applied`'s sender.
    /// Confirmations that come faster than the way there and back are told as one, the last; one that is lost
    /// costs a writer its patience and nothing else.
    pub(crate) fn confirm(
        &self,
        mut applied: watch::Receiver<String>,
    ) -> impl Future<Output = ()> + use<> {
        let (mut client, follower) = (self.client.clone(), self.follower.to_string());
        async move {
            while applied.changed().await.is_ok() {
                let resume_token = applied.borrow_and_update().clone();
                let mut request = tonic::Request::new(ConfirmWatchRequest {
                    follower: follower.clone(),
                    resume_token,
                });
                request.set_timeout(CONFIRM_TIMEOUT);
                if let Err(status) = client.confirm_watch(request).await {
                    tracing::debug!(code = ?status.code(), "registry was not told how far answers have come");
                }
            }
        }
    }
}

/// The meaning of an event that was kept.
///
/// # Errors
/// The bytes are no event.
pub(crate) fn read(message: &Bytes) -> Result<Option<Fact>, prost::DecodeError> {
    Ok(told(Event::decode(message.clone())?).map(|told| told.fact))
}

/// What an event means; `None` for kinds that do not matter here, or a name that cannot be read.
pub(crate) fn told(event: Event) -> Option<Told<Fact>> {
    let gone =
        event.r#type() == ChangeType::Deleted && event.delete_cause() != DeleteCause::LeftFilter;
    let message = (!gone).then(|| Bytes::from(event.encode_to_vec()));
    let Event { r#type: _, delete_cause: _, resource } = event;
    let (name, fact) = match resource? {
        Resource::Tenant(tenant) => {
            let live = !gone && tenant.delete_time.is_none();
            let suspended = tenant.state() == TenantState::Suspended;
            let standing = live.then_some(Standing { suspended });
            (tenant.name.clone(), Fact::Tenant(named(&tenant.name)?, standing))
        }
        Resource::AppConnectorGroup(it) => {
            let name = named(&it.name)?;
            let live = !gone && it.delete_time.is_none();
            (it.name.clone(), Fact::Group(name, live.then(|| group(it)).flatten()))
        }
        Resource::AppConnector(it) => {
            let name = named(&it.name)?;
            let (text, deleted) = (it.name.clone(), it.delete_time.is_some());
            let membership = match connector(it) {
                _ if gone => Membership::Gone,
                _ if deleted => Membership::Deleted,
                Some(connector) => Membership::Member(connector),
                None => Membership::Gone,
            };
            (text, Fact::Connector(name, membership))
        }
        Resource::ServerGroup(it) => {
            let name = named(&it.name)?;
            let live = !gone && it.delete_time.is_none();
            (it.name.clone(), Fact::ServerGroup(name, live.then(|| server_group(it))))
        }
        Resource::ApplicationSegment(it) => {
            let name = named(&it.name)?;
            let live = !gone && it.delete_time.is_none();
            (it.name.clone(), Fact::Segment(name, live.then(|| segment(it))))
        }
        Resource::ClientNetwork(it) => {
            let name = named(&it.name)?;
            let live = !gone && it.delete_time.is_none();
            (it.name.clone(), Fact::ClientNetwork(name, live.then(|| client_network(it)).flatten()))
        }
    };
    Some(Told { name, fact, message })
}

fn named<T: FromStr<Err: std::fmt::Display>>(name: &str) -> Option<T> {
    part("name", name, name.parse())
}

/// A part of an object; what cannot be read is told once and left out, so that one odd object of a
/// newer registry does not stop all others.
fn part<T, E: std::fmt::Display>(field: &str, of: &str, parsed: Result<T, E>) -> Option<T> {
    parsed
        .inspect_err(|error| {
            let error = error.to_string();
            tracing::warn!(field, of, error, "registry told something that is not understood here");
        })
        .ok()
}

fn group(it: wire::AppConnectorGroup) -> Option<Group> {
    let families = match it.dns_resolution_option() {
        DnsResolutionOption::Unspecified | DnsResolutionOption::Ipv4Ipv6 => Families::Both,
        DnsResolutionOption::Ipv4 => Families::Ipv4,
        DnsResolutionOption::Ipv6 => Families::Ipv6,
    };
    let (coordinates, country) = place(it.location.as_ref());
    let missing = "the coordinates are missing or out of range";
    let coordinates = part("location.coordinates", &it.name, coordinates.ok_or(missing))?;
    Some(Group { enabled: it.enabled.unwrap_or(true), coordinates, country, families })
}

fn place(location: Option<&wire::Location>) -> (Option<Coordinates>, Option<Country>) {
    let Some(location) = location else { return (None, None) };
    let at = location.coordinates.as_ref();
    let country = match location.effective_country_code.as_str() {
        "" => location.country_code.as_str(),
        effective => effective,
    };
    (at.and_then(|at| Coordinates::new(at.latitude, at.longitude)), Country::parse(country))
}

fn client_network(it: wire::ClientNetwork) -> Option<ClientNetwork> {
    let at = it.coordinates.and_then(|at| Coordinates::new(at.latitude, at.longitude));
    let missing = "the coordinates are missing or out of range";
    let coordinates = part("coordinates", &it.name, at.ok_or(missing))?;
    let network = |text: &String| part("cidrs", &it.name, text.parse());
    Some(ClientNetwork { networks: it.cidrs.iter().filter_map(network).collect(), coordinates })
}

fn connector(it: wire::AppConnector) -> Option<Connector> {
    let group: names::AppConnectorGroupName =
        part("app_connector_group", &it.name, it.app_connector_group.parse())?;
    let (coordinates, country) = place(it.location.as_ref());
    let failure_domain = it.labels.get(FAILURE_DOMAIN).filter(|label| !label.is_empty());
    Some(Connector {
        group: group.app_connector_group,
        enabled: it.enabled.unwrap_or(true),
        coordinates,
        country,
        failure_domain: failure_domain.cloned(),
    })
}

fn server_group(it: wire::ServerGroup) -> ServerGroup {
    let server = |server: wire::Server| {
        let host = part("servers.address", &it.name, Host::parse(&server.address))?;
        let ports = server.ports.iter().filter_map(|number| port(*number)).collect();
        Some(Server { host, ports })
    };
    ServerGroup {
        enabled: it.enabled.unwrap_or(true),
        groups: ids::<names::AppConnectorGroupName>(&it.name, &it.app_connector_groups, |name| {
            name.app_connector_group
        }),
        servers: it.servers.into_iter().filter_map(server).collect(),
    }
}

fn ids<N: FromStr<Err: std::fmt::Display>>(
    of: &str,
    names: &[String],
    id: impl Fn(N) -> Id,
) -> Vec<Id> {
    names.iter().filter_map(|name| part("reference", of, name.parse()).map(&id)).collect()
}

fn port(number: i32) -> Option<u16> {
    u16::try_from(number).ok().filter(|number| *number > 0)
}

fn ranges(ranges: &[wire::PortRange]) -> Vec<PortRange> {
    let range = |range: &wire::PortRange| {
        let first = port(range.first)?;
        let last = port(range.last).unwrap_or(first);
        (first <= last).then_some(PortRange { first, last })
    };
    ranges.iter().filter_map(range).collect()
}

fn segment(it: wire::ApplicationSegment) -> Segment {
    let health_reporting = match it.health_reporting() {
        wire::HealthReporting::Unspecified | wire::HealthReporting::OnAccess => {
            HealthReporting::OnAccess
        }
        wire::HealthReporting::Continuous => HealthReporting::Continuous,
        wire::HealthReporting::None => HealthReporting::None,
    };
    let match_style = match it.match_style() {
        wire::MatchStyle::Unspecified | wire::MatchStyle::Inclusive => MatchStyle::Inclusive,
        wire::MatchStyle::Exclusive => MatchStyle::Exclusive,
    };
    let policy = match it.selection_policy() {
        wire::SelectionPolicy::Unspecified | wire::SelectionPolicy::LowestTotalLatency => {
            SelectionPolicy::LowestTotalLatency
        }
        wire::SelectionPolicy::ClosestToUser => SelectionPolicy::ClosestToUser,
        wire::SelectionPolicy::ClosestToApplication => SelectionPolicy::ClosestToApplication,
    };
    let unhealthy = match it.unhealthy_policy() {
        wire::UnhealthyPolicy::Unspecified | wire::UnhealthyPolicy::Refuse => {
            UnhealthyPolicy::Refuse
        }
        wire::UnhealthyPolicy::LastKnownGood => UnhealthyPolicy::LastKnownGood,
        wire::UnhealthyPolicy::Any => UnhealthyPolicy::Any,
    };
    let domain = |text: &String| part("domains", &it.name, Domain::parse(text));
    let countries = it.allowed_countries.iter();
    Segment {
        enabled: it.enabled.unwrap_or(true),
        domains: it.domains.iter().filter_map(domain).collect(),
        tcp: ranges(&it.tcp_port_ranges),
        udp: ranges(&it.udp_port_ranges),
        server_groups: ids::<names::ServerGroupName>(&it.name, &it.server_groups, |name| {
            name.server_group
        }),
        health_reporting,
        match_style,
        policy,
        preferences: preferences(&it),
        allowed_countries: countries.filter_map(|code| Country::parse(code)).collect(),
        unhealthy,
        sticky_for: sticky_for(it.sticky_for.as_ref()),
    }
}

fn preferences(it: &wire::ApplicationSegment) -> BTreeMap<Id, Preference> {
    let preference = |preference: &wire::AppConnectorGroupPreference| {
        let name = &preference.app_connector_group;
        let group: names::AppConnectorGroupName = part("preference", &it.name, name.parse())?;
        let priority = u8::try_from(preference.priority).unwrap_or(0).min(LOWEST_PRIORITY);
        let weight = preference.weight.map(|weight| u16::try_from(weight).unwrap_or(0));
        let weight = weight.unwrap_or(DEFAULT_WEIGHT);
        Some((group.app_connector_group, Preference { priority, weight }))
    };
    it.app_connector_group_preferences.iter().filter_map(preference).collect()
}

fn sticky_for(length: Option<&prost_types::Duration>) -> Duration {
    length.and_then(rpc::time::parse_duration).unwrap_or(DEFAULT_STICKY_FOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(resource: Resource) -> Event {
        Event {
            r#type: ChangeType::Added.into(),
            delete_cause: DeleteCause::Unspecified.into(),
            resource: Some(resource),
        }
    }

    fn connector(delete_time: Option<prost_types::Timestamp>) -> Resource {
        Resource::AppConnector(wire::AppConnector {
            name: "tenants/acme/appConnectors/c-1".into(),
            app_connector_group: "tenants/acme/appConnectorGroups/paris".into(),
            delete_time,
            ..Default::default()
        })
    }

    #[test]
    fn omitted_booleans_are_true_and_omitted_enums_are_their_default() {
        let it = wire::ApplicationSegment {
            name: "tenants/acme/applicationSegments/wiki".into(),
            domains: vec!["*.corp.example".into(), "not a domain".into()],
            tcp_port_ranges: vec![wire::PortRange { first: 443, last: 0 }],
            ..Default::default()
        };
        let told = told(added(Resource::ApplicationSegment(it))).unwrap();
        let Fact::Segment(_, Some(segment)) = &told.fact else { panic!("{told:?}") };
        assert!(segment.enabled);
        assert_eq!(segment.domains.len(), 1, "what is not understood is left out");
        assert_eq!(segment.tcp, [PortRange { first: 443, last: 443 }]);
        assert_eq!(segment.sticky_for, DEFAULT_STICKY_FOR);
        assert_eq!(read(told.message.as_ref().unwrap()).unwrap(), Some(told.fact));
    }

    #[test]
    fn a_soft_delete_is_kept_and_a_purge_is_not() {
        let fact = |event| {
            let told = told(event).unwrap();
            let Fact::Connector(_, membership) = told.fact else { panic!() };
            (membership, told.message.is_some())
        };
        assert!(matches!(fact(added(connector(None))), (Membership::Member(_), true)));
        let deleted = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
        assert_eq!(fact(added(connector(deleted))), (Membership::Deleted, true));
        let purged = Event {
            r#type: ChangeType::Deleted.into(),
            delete_cause: DeleteCause::Purged.into(),
            resource: Some(connector(deleted)),
        };
        assert_eq!(fact(purged), (Membership::Gone, false));
    }

    #[test]
    fn a_group_without_coordinates_serves_nobody() {
        let it = wire::AppConnectorGroup {
            name: "tenants/acme/appConnectorGroups/paris".into(),
            ..Default::default()
        };
        let told = told(added(Resource::AppConnectorGroup(it))).unwrap();
        assert!(matches!(told.fact, Fact::Group(_, None)));
    }
}
