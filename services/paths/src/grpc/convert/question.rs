//! Requests in.

use std::net::IpAddr;

use jiff::Timestamp;
use names::{AppConnectorGroupName, AppConnectorName, ConnectorStatusName, Id, Reason, TenantName};
use proto::{
    google::r#type::LatLng,
    paths::v1::{self as wire, Protocol as WireProtocol},
};
use rpc::{
    Failure, Refuse as _, Violations,
    page::{PageRequest, QueryFingerprint, TokenKey},
};

use crate::{
    domain::{
        configuration::{Country, Protocol},
        cost::place::Coordinates,
        matching::host::Host,
        question::query::{DEFAULT_LIMIT, MAX_LIMIT, Query},
    },
    service::select::Question,
};

/// Longest key or network name, bytes.
const MAX_TEXT: usize = 256;
/// Most groups in a query.
const MAX_GROUPS: usize = 100;
/// Most countries in a query: there are fewer.
const MAX_COUNTRIES: usize = 250;
/// Half the way round the globe, kilometres.
const MAX_RADIUS_KM: f64 = 20_000.0;
/// Most names in one batch.
const MAX_BATCH: usize = 1_000;

/// A request for a path, parsed.
#[derive(Debug)]
pub(in crate::grpc) struct PathRequest {
    pub(in crate::grpc) tenant: TenantName,
    pub(in crate::grpc) query: Query,
    pub(in crate::grpc) previous: String,
}

impl PathRequest {
    /// The question that it asks at a moment.
    pub(in crate::grpc) fn at(&self, now: Timestamp, seed: u64) -> Question<'_> {
        Question { query: &self.query, previous: &self.previous, now, seed }
    }
}

/// Parses a request to select.
pub(in crate::grpc) fn path_request(
    parent: &str,
    query: Option<wire::PathQuery>,
) -> Result<PathRequest, Failure> {
    let mut v = Violations::new();
    let tenant = v.take("parent", parent.parse::<TenantName>());
    let required = v.require("query", query);
    let parsed = required.and_then(|query| {
        let previous = query.previous.clone();
        v.within("query", |v| path_query(v, query, tenant.as_ref())).map(|query| (query, previous))
    });
    v.finish_with(|| {
        let (query, previous) = parsed?;
        Some(PathRequest { tenant: tenant?, query, previous })
    })
}

/// Parses a request to explain.
pub(in crate::grpc) fn explain_request(
    request: wire::ExplainPathRequest,
) -> Result<PathRequest, Failure> {
    let wire::ExplainPathRequest { parent, query, read_time } = request;
    if read_time.is_some() {
        let mut v = Violations::new();
        v.add(
            "read_time",
            Reason::Malformed,
            "answers from history are not built yet: leave it unset",
        );
        v.finish()?;
    }
    path_request(&parent, query)
}

fn path_query(
    v: &mut Violations,
    query: wire::PathQuery,
    tenant: Option<&TenantName>,
) -> Option<Query> {
    let wire::PathQuery {
        client,
        destination,
        previous: _,
        client_key,
        client_network,
        limit,
        app_connector_groups,
        countries,
    } = query;
    let client = v.within("client", |v| parse_client(v, client.unwrap_or_default()));
    let destination = v
        .require("destination", destination)
        .and_then(|it| v.within("destination", |v| parse_destination(v, it)));
    let client_key = short_text(v, "client_key", client_key);
    let client_network = short_text(v, "client_network", client_network);
    let limit = parse_limit(v, limit);
    let groups = parse_groups(v, &app_connector_groups, tenant);
    let countries = parse_countries(v, &countries);
    let Client { coordinates, radius_km, address, edge } = client?;
    let (host, port, protocol) = destination?;
    Some(Query {
        coordinates,
        radius_km,
        address,
        edge,
        host,
        port,
        protocol,
        client_key: client_key?,
        client_network: client_network?,
        limit: limit?,
        groups: groups?,
        countries: countries?,
    })
}

/// What a query says of where its client is.
struct Client {
    coordinates: Option<Coordinates>,
    radius_km: f32,
    address: Option<IpAddr>,
    edge: Option<Coordinates>,
}

fn parse_client(v: &mut Violations, client: wire::Client) -> Option<Client> {
    let wire::Client { coordinates, accuracy_radius_km, ip_address, edge_coordinates } = client;
    let coordinates = place(v, "coordinates", coordinates);
    let edge = place(v, "edge_coordinates", edge_coordinates);
    let radius = (0.0..=MAX_RADIUS_KM).contains(&accuracy_radius_km);
    if !radius {
        v.add("accuracy_radius_km", Reason::OutOfRange, "must be 0 to 20,000");
    }
    let address = address(v, &ip_address);
    Some(Client {
        coordinates: coordinates?,
        radius_km: accuracy_radius_km as f32,
        address: address?,
        edge: edge?,
    })
}

/// An optional address: `None` when it is wrong, `Some(None)` when it is absent.
fn address(v: &mut Violations, text: &str) -> Option<Option<IpAddr>> {
    if text.is_empty() {
        return Some(None);
    }
    let address = text.parse::<IpAddr>().ok();
    if address.is_none() {
        v.add("ip_address", Reason::Malformed, "must be an IPv4 or IPv6 address without a port");
    }
    address.map(Some)
}

/// An optional place: `None` when it is wrong, `Some(None)` when it is absent.
fn place(v: &mut Violations, field: &str, at: Option<LatLng>) -> Option<Option<Coordinates>> {
    let Some(LatLng { latitude, longitude }) = at else { return Some(None) };
    let coordinates = Coordinates::new(latitude, longitude);
    if coordinates.is_none() {
        let fix = "latitude must be -90 to 90 and longitude -180 to 180, in degrees";
        v.add(field, Reason::OutOfRange, fix);
    }
    coordinates.map(Some)
}

fn parse_destination(
    v: &mut Violations,
    destination: wire::Destination,
) -> Option<(Host, u16, Protocol)> {
    let protocol = match destination.protocol() {
        WireProtocol::Unspecified if destination.protocol != 0 => {
            v.add("protocol", Reason::Malformed, "must be TCP or UDP");
            None
        }
        WireProtocol::Unspecified | WireProtocol::Tcp => Some(Protocol::Tcp),
        WireProtocol::Udp => Some(Protocol::Udp),
    };
    let wire::Destination { host, port, protocol: _ } = destination;
    let host = v.take("host", Host::parse(&host));
    let number = u16::try_from(port).ok().filter(|port| *port > 0);
    if number.is_none() {
        v.add("port", Reason::OutOfRange, "must be 1 to 65535");
    }
    Some((host?, number?, protocol?))
}

fn short_text(v: &mut Violations, field: &str, text: String) -> Option<String> {
    if text.len() > MAX_TEXT {
        v.add(field, Reason::OutOfRange, "must be at most 256 bytes: send a hash of it");
        return None;
    }
    Some(text)
}

fn parse_limit(v: &mut Violations, limit: i32) -> Option<usize> {
    match usize::try_from(limit) {
        Ok(0) => Some(DEFAULT_LIMIT),
        Ok(limit) if limit <= MAX_LIMIT => Some(limit),
        _ => {
            v.add("limit", Reason::OutOfRange, "must be 0 to 10; 0 means 3");
            None
        }
    }
}

fn parse_groups(
    v: &mut Violations,
    names: &[String],
    tenant: Option<&TenantName>,
) -> Option<Vec<Id>> {
    if names.len() > MAX_GROUPS {
        v.add("app_connector_groups", Reason::OutOfRange, "at most 100 groups");
        return None;
    }
    let mut ids = Vec::with_capacity(names.len());
    for (n, name) in names.iter().enumerate() {
        let field = format!("app_connector_groups[{n}]");
        let group = v.take(&field, name.parse::<AppConnectorGroupName>())?;
        if tenant.is_some_and(|tenant| group.tenant() != *tenant) {
            v.add(&field, Reason::Malformed, "must be a group of the tenant in `parent`");
        }
        ids.push(group.app_connector_group);
    }
    Some(ids)
}

fn parse_countries(v: &mut Violations, codes: &[String]) -> Option<Vec<Country>> {
    if codes.len() > MAX_COUNTRIES {
        v.add("countries", Reason::OutOfRange, "at most 250 countries");
        return None;
    }
    let mut countries = Vec::with_capacity(codes.len());
    for (n, code) in codes.iter().enumerate() {
        match Country::parse(code) {
            Some(country) => countries.push(country),
            None => {
                let field = format!("countries[{n}]");
                v.add(&field, Reason::Malformed, "must be an ISO 3166-1 alpha-2 code such as `DE`");
            }
        }
    }
    Some(countries)
}

/// Parses the name of a status.
pub(in crate::grpc) fn status_name(
    field: &str,
    name: &str,
) -> Result<ConnectorStatusName, Failure> {
    let mut v = Violations::new();
    let name = v.take(field, name.parse());
    v.finish_with(|| name)
}

/// A list, parsed.
#[derive(Debug)]
pub(in crate::grpc) struct ListRequest {
    pub(in crate::grpc) parent: String,
    pub(in crate::grpc) group: Option<AppConnectorGroupName>,
    pub(in crate::grpc) after: Option<AppConnectorName>,
    pub(in crate::grpc) page: PageRequest,
}

/// Parses a list request.
pub(in crate::grpc) fn list_request(
    request: wire::ListConnectorStatusesRequest,
    key: &TokenKey,
) -> Result<ListRequest, Failure> {
    let wire::ListConnectorStatusesRequest { parent, page_size, page_token, app_connector_group } =
        request;
    let query = QueryFingerprint::of("ListConnectorStatuses", &[&parent, &app_connector_group]);
    let page = PageRequest::parse(page_size, &page_token, query, key)?;
    let mut v = Violations::new();
    let group = match app_connector_group.as_str() {
        "" => Some(None),
        name => v.take("app_connector_group", name.parse()).map(Some),
    };
    // A token is sealed, so what it holds was written by this service.
    let after = page.after.as_deref().and_then(|after| std::str::from_utf8(after).ok());
    let after = after.and_then(|after| after.parse().ok());
    let group = v.finish_with(|| group)?;
    Ok(ListRequest { parent, group, after, page })
}

/// Parses a batch: parent and connectors.
pub(in crate::grpc) fn batch_request(
    request: wire::BatchGetConnectorStatusesRequest,
) -> Result<(String, Vec<AppConnectorName>), Failure> {
    let wire::BatchGetConnectorStatusesRequest { parent, names } = request;
    let mut v = Violations::new();
    if names.is_empty() {
        v.add("names", Reason::Required, "name at least one status");
    } else if names.len() > MAX_BATCH {
        v.add("names", Reason::OutOfRange, "at most 1,000 names: send several requests");
    }
    let mut connectors = Vec::with_capacity(names.len());
    for (n, name) in names.iter().enumerate().take(MAX_BATCH) {
        let parsed = v.take(format!("names[{n}]"), name.parse::<ConnectorStatusName>());
        connectors.extend(parsed.map(|name| name.app_connector()));
    }
    v.finish()?;
    Ok((parent, connectors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_is_wrong_is_named_at_once() {
        let query = wire::PathQuery {
            client: Some(wire::Client {
                coordinates: Some(LatLng { latitude: 91.0, longitude: 0.0 }),
                accuracy_radius_km: f64::NAN,
                ip_address: "10.0.0.1:80".into(),
                edge_coordinates: Some(LatLng { latitude: 0.0, longitude: 181.0 }),
            }),
            destination: Some(wire::Destination { host: "a..b".into(), port: 0, protocol: 9 }),
            previous: "anything".into(),
            client_key: "x".repeat(257),
            client_network: "x".repeat(257),
            limit: 11,
            app_connector_groups: vec!["tenants/other/appConnectorGroups/g".into()],
            countries: vec!["Germany".into()],
        };
        let failure = path_request("tenants/acme", Some(query)).unwrap_err();
        let fields: Vec<_> = failure.violations().iter().map(|it| it.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "query.client.coordinates",
                "query.client.edge_coordinates",
                "query.client.accuracy_radius_km",
                "query.client.ip_address",
                "query.destination.protocol",
                "query.destination.host",
                "query.destination.port",
                "query.client_key",
                "query.client_network",
                "query.limit",
                "query.app_connector_groups[0]",
                "query.countries[0]",
            ]
        );
    }

    #[test]
    fn a_short_question_is_enough() {
        let query = wire::PathQuery {
            destination: Some(wire::Destination {
                host: "Wiki.Corp.".into(),
                port: 443,
                protocol: 0,
            }),
            ..Default::default()
        };
        let asked = path_request("tenants/acme", Some(query)).unwrap();
        assert_eq!(asked.query.host.to_string(), "wiki.corp");
        assert_eq!((asked.query.protocol, asked.query.limit), (Protocol::Tcp, 3));
        assert_eq!((asked.query.coordinates, asked.query.address), (None, None));
    }

    #[test]
    fn the_address_of_the_client_is_read_in_either_family() {
        for text in ["10.1.2.3", "2001:db8::1", "::ffff:10.1.2.3"] {
            let client = wire::Client { ip_address: text.into(), ..Default::default() };
            let destination = wire::Destination { host: "wiki.corp".into(), port: 1, protocol: 0 };
            let query = wire::PathQuery {
                client: Some(client),
                destination: Some(destination),
                ..Default::default()
            };
            let asked = path_request("tenants/acme", Some(query)).unwrap();
            assert_eq!(asked.query.address, text.parse().ok());
        }
    }
}
