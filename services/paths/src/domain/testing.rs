//! Builders for the tests of the domain.

use jiff::Timestamp;
use names::Id;

use super::{
    configuration::{
        DEFAULT_STICKY_FOR, HealthReporting, MatchStyle, PortRange, Protocol, Segment,
        SelectionPolicy, UnhealthyPolicy,
    },
    matching::host::{Domain, Host},
    probing::target::Target,
    question::query::{DEFAULT_LIMIT, Query},
};

pub(crate) fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

pub(crate) fn at_ms(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap()
}

/// Port 443 of a host.
pub(crate) fn target(host: &str) -> Target {
    Target { host: Host::parse(host).unwrap(), port: 443, protocol: Protocol::Tcp }
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
