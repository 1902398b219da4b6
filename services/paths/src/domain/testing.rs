//! Builders for the tests of the domain.
use jiff::Timestamp;
use names::Id;

use super::{
    configuration::{
        DEFAULT_STICKY_FOR, HealthReporting, MatchStyle, PortRange, Segment, SelectionPolicy,
        UnhealthyPolicy,
    },
    host::Domain,
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
