//! Builders for the tests of the domain.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use names::{AppConnectorName, Id, TenantName};

use crate::{
    domain::{
        candidates::snapshot::TenantSnapshot,
        choice::{
            hysteresis::Hold,
            select::{Answer, Depth, select},
        },
        configuration::{
            Connector, Country, DEFAULT_STICKY_FOR, Families, Group, HealthReporting, MatchStyle,
            PortRange, Protocol, Segment, SelectionPolicy, ServerGroup, TenantConfiguration,
            UnhealthyPolicy,
        },
        cost::place::Coordinates,
        matching::host::{Domain, Host},
        question::{
            asked::Asked,
            location::place,
            moment::Moment,
            query::{DEFAULT_LIMIT, Query},
        },
    },
    live::{connector::Instance, fleet::Fleet},
};

pub(crate) fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

pub(crate) fn at_ms(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap()
}

pub(crate) fn segment(domains: &[&str], port: u16) -> Segment {
    Segment {
        enabled: true,
        domains: domains.iter().map(|domain| Domain::parse(domain).unwrap()).collect(),
        tcp: vec![PortRange { first: port, last: port }],
        udp: Vec::new(),
        server_groups: Vec::new(),
        health_reporting: HealthReporting::OnAccess,
        match_style: MatchStyle::Inclusive,
        policy: SelectionPolicy::LowestTotalLatency,
        preferences: Default::default(),
        allowed_countries: Vec::new(),
        unhealthy: UnhealthyPolicy::Refuse,
        sticky_for: DEFAULT_STICKY_FOR,
    }
}

/// A client without a place asks for a host on port 443.
pub(crate) fn query(host: &str) -> Query {
    Query {
        coordinates: None,
        radius_km: 0.0,
        address: None,
        edge: None,
        host: Host::parse(host).unwrap(),
        port: 443,
        protocol: Protocol::Tcp,
        client_key: String::new(),
        client_network: String::new(),
        limit: DEFAULT_LIMIT,
        groups: Vec::new(),
        countries: Vec::new(),
    }
}

/// When [`tenant`] is asked.
pub(crate) fn noon() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().unwrap()
}

/// `acme` with two connected connectors in `paris` for `*.corp.example:443`.
pub(crate) fn tenant() -> TenantSnapshot {
    let (mut configuration, fleet) = (TenantConfiguration::default(), Fleet::default());
    let coordinates = Coordinates::new(48.85, 2.35).unwrap();
    let group = Group { enabled: true, coordinates, country: None, families: Families::Both };
    configuration.groups.insert(id("paris"), group);
    for name in ["paris-1", "paris-2"] {
        let connector = Connector {
            group: id("paris"),
            enabled: true,
            coordinates: None,
            country: Country::parse("FR"),
            failure_domain: None,
        };
        configuration.connectors.insert(id(name), connector);
        let live = fleet.connector(&AppConnectorName::new(id("acme"), id(name)));
        let _ = live.open(Instance::default(), Duration::from_secs(3_600), noon());
    }
    let servers = ServerGroup { enabled: true, groups: vec![id("paris")], servers: Vec::new() };
    configuration.server_groups.insert(id("servers"), servers);
    let wiki = Segment { server_groups: vec![id("servers")], ..segment(&["*.corp.example"], 443) };
    configuration.segments.insert(id("wiki"), wiki);
    let name = TenantName::new(id("acme"));
    TenantSnapshot::build(name, &configuration, &fleet, Arc::default())
}

/// Asks at noon, and asserts what holds of every answer.
pub(crate) fn ask(tenant: &TenantSnapshot, query: &Query, previous: Option<&Hold>) -> Answer {
    let moment = Moment {
        now: noon(),
        replicas: 1,
        certificate_grace: Duration::ZERO,
        stale_configuration: false,
        hash_key: [1; 32],
        seed: 3,
    };
    let location = place(query, &tenant.client_networks);
    let asked = Asked { query, location, previous, moment: &moment };
    let answer = select(tenant, &asked, Depth::Explain);
    assert!((5..=60).contains(&answer.ttl.as_secs()), "{:?}", answer.ttl);
    for candidate in &answer.considered {
        let of_tenant = tenant.connectors.contains_key(&candidate.connector.app_connector);
        assert!(of_tenant && candidate.connector.tenant() == tenant.tenant, "{candidate:?}");
        assert!(!candidate.assessed.metric.is_nan(), "{candidate:?}");
    }
    if let Ok(path) = &answer.outcome {
        assert!((1..=query.limit).contains(&path.ranked.len()), "{}", path.ranked.len());
        assert_eq!(path.hold.connector, path.ranked[0].connector);
        let groups = path.ranked.iter().map(|one| &one.group.app_connector_group);
        assert!(query.groups.is_empty() || groups.into_iter().all(|it| query.groups.contains(it)));
    }
    answer
}
