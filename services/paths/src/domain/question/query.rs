//! One question, parsed: what the caller says, and nothing that was worked out from it.

use std::net::IpAddr;

use names::Id;

use crate::domain::{
    configuration::{Country, Protocol},
    cost::place::Coordinates,
    matching::host::Host,
};

/// Candidates returned when the caller names no limit.
pub const DEFAULT_LIMIT: usize = 3;
/// Most candidates returned: more than a client can try at once.
pub const MAX_LIMIT: usize = 10;

/// One question: from whom, to what, under which limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Coordinates that the caller knows.
    pub coordinates: Option<Coordinates>,
    /// How far the client may be from them, kilometres.
    pub radius_km: f32,
    /// The client's address as the edge sees it.
    pub address: Option<IpAddr>,
    /// Where the asking edge is.
    pub edge: Option<Coordinates>,
    /// The host asked for.
    pub host: Host,
    /// The port asked for.
    pub port: u16,
    /// The protocol.
    pub protocol: Protocol,
    /// Stable key of the client; empty: none.
    pub client_key: String,
    /// The network that the client is in, as the caller names it.
    pub client_network: String,
    /// How many candidates, 1 to [`MAX_LIMIT`].
    pub limit: usize,
    /// Only connectors of these groups; empty: all.
    pub groups: Vec<Id>,
    /// Only connectors in these countries; empty: all.
    pub countries: Vec<Country>,
}
