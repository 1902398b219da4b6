//! The configuration as path selection needs it: what the administrator wrote, without what only people
//! read. Objects that are deleted, also softly, are not in it.

pub mod model;

use std::{collections::BTreeMap, time::Duration};

use names::Id;

use crate::domain::{
    cost::place::Coordinates,
    matching::{
        host::{Domain, Host},
        network::Network,
    },
};

/// Priority of a group that has no preference: the first.
pub const DEFAULT_PRIORITY: u8 = 0;
/// Weight of a group that has no preference.
pub const DEFAULT_WEIGHT: u16 = 100;
/// How long a client keeps its connector against mere improvements, unless the segment says otherwise.
pub const DEFAULT_STICKY_FOR: Duration = Duration::from_secs(600);

/// Everything of one tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TenantConfiguration {
    /// No new paths.
    pub suspended: bool,
    /// App connector groups by id.
    pub groups: BTreeMap<Id, Group>,
    /// App connectors by id.
    pub connectors: BTreeMap<Id, Connector>,
    /// Server groups by id.
    pub server_groups: BTreeMap<Id, ServerGroup>,
    /// Application segments by id.
    pub segments: BTreeMap<Id, Segment>,
    /// Client networks by id.
    pub client_networks: BTreeMap<Id, ClientNetwork>,
}

/// ISO 3166-1 alpha-2, upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Two letters, any case; `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 2] = text.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(u8::is_ascii_alphabetic)
            .then(|| Self(bytes.map(|b| b.to_ascii_uppercase())))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Address families in which connectors of a group resolve application names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Families {
    /// Both.
    #[default]
    Both,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

impl Families {
    /// Whether a host can be reached in these families. A name may always: what it resolves to is known
    /// to the connector only.
    #[must_use]
    pub fn allow(self, host: &Host) -> bool {
        match (self, host) {
            (Self::Both, _) | (_, Host::Name(_)) => true,
            (Self::Ipv4, Host::Address(address)) => address.is_ipv4(),
            (Self::Ipv6, Host::Address(address)) => address.is_ipv6(),
        }
    }
}

/// An app connector group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// False ends selection.
    pub enabled: bool,
    /// Where its connectors are.
    pub coordinates: Coordinates,
    /// The country that counts, if known.
    pub country: Option<Country>,
    /// Families for resolving.
    pub families: Families,
}

/// An app connector.
#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    /// Its group.
    pub group: Id,
    /// False ends selection.
    pub enabled: bool,
    /// Its own place, where it differs from the group's.
    pub coordinates: Option<Coordinates>,
    /// Its own country, where it differs from the group's.
    pub country: Option<Country>,
    /// Label `failure_domain`: what fails together.
    pub failure_domain: Option<String>,
}

/// A server group.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerGroup {
    /// False takes it out of every chain.
    pub enabled: bool,
    /// Groups whose connectors reach the servers.
    pub groups: Vec<Id>,
    /// The servers. Empty: connectors resolve the application's own name.
    pub servers: Vec<Server>,
}

/// A server of a server group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Name or address.
    pub host: Host,
    /// Ports it serves. Empty: those of the segment.
    pub ports: Vec<u16>,
}

impl Server {
    /// Whether it serves a port of the segment.
    #[must_use]
    pub fn serves(&self, port: u16) -> bool {
        self.ports.is_empty() || self.ports.contains(&port)
    }
}

/// Where the users of some networks are.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientNetwork {
    /// The networks.
    pub networks: Vec<Network>,
    /// Where their users are.
    pub coordinates: Coordinates,
}

/// Transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Lower-case word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Ports from first to last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// 1 to 65535.
    pub first: u16,
    /// `first` to 65535.
    pub last: u16,
}

/// When connectors measure an application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HealthReporting {
    /// While it is used and 30 min after.
    #[default]
    OnAccess,
    /// All the time.
    Continuous,
    /// Never; it is assumed to be up.
    None,
}

/// What happens when a name matches and its port does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatchStyle {
    /// The next less specific segment is tried.
    #[default]
    Inclusive,
    /// The most specific name ends the search.
    Exclusive,
}

/// What the best connector is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SelectionPolicy {
    /// Smallest sum of both legs.
    #[default]
    LowestTotalLatency,
    /// Smallest user leg.
    ClosestToUser,
    /// Smallest application leg.
    ClosestToApplication,
}

/// What to answer when every candidate is unhealthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnhealthyPolicy {
    /// No path.
    #[default]
    Refuse,
    /// Those that were healthy last.
    LastKnownGood,
    /// All of them.
    Any,
}

/// How much an application likes a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preference {
    /// 0 (first) to 9.
    pub priority: u8,
    /// 0 (none of the traffic) to 1000.
    pub weight: u16,
}

impl Default for Preference {
    fn default() -> Self {
        Self { priority: DEFAULT_PRIORITY, weight: DEFAULT_WEIGHT }
    }
}

/// An application segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// False ends paths at its names and ports.
    pub enabled: bool,
    /// What it covers.
    pub domains: Vec<Domain>,
    /// TCP ports.
    pub tcp: Vec<PortRange>,
    /// UDP ports.
    pub udp: Vec<PortRange>,
    /// Server groups that serve it.
    pub server_groups: Vec<Id>,
    /// When it is measured.
    pub health_reporting: HealthReporting,
    /// What a match of the name alone means.
    pub match_style: MatchStyle,
    /// What "best" means.
    pub policy: SelectionPolicy,
    /// Groups with a preference of their own.
    pub preferences: BTreeMap<Id, Preference>,
    /// Countries whose connectors may serve it; empty: all.
    pub allowed_countries: Vec<Country>,
    /// What to answer when every candidate is unhealthy.
    pub unhealthy: UnhealthyPolicy,
    /// How long a client keeps its connector against mere improvements.
    pub sticky_for: Duration,
}

impl Segment {
    /// Its ports of a protocol.
    #[must_use]
    pub fn ports(&self, protocol: Protocol) -> &[PortRange] {
        match protocol {
            Protocol::Tcp => &self.tcp,
            Protocol::Udp => &self.udp,
        }
    }

    /// The preference for a group.
    #[must_use]
    pub fn preference(&self, group: &Id) -> Preference {
        self.preferences.get(group).copied().unwrap_or_default()
    }
}
