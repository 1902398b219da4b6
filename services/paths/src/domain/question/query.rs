//! One question, parsed.

use names::Id;

use crate::domain::{
    configuration::{Country, Protocol},
    cost::place::Coordinates,
    matching::host::Host,
};

/// Candidates returned when the caller names no limit.
pub const DEFAULT_LIMIT: usize = 3;
/// Most candidates returned: more than anybody can race.
pub const MAX_LIMIT: usize = 10;

/// How the place of the client was found, most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocationSource {
    /// The caller sent coordinates.
    Coordinates,
    /// The place of the asking edge.
    Edge,
    /// Nothing is known.
    Unknown,
}

/// The place that an answer uses for the client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClientLocation {
    /// How it was found.
    pub source: LocationSource,
    /// Where; `None` when unknown.
    pub coordinates: Option<Coordinates>,
    /// How far the client may be from it, kilometres.
    pub radius_km: f32,
}

/// One question: from whom, to what, under which limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Coordinates that the caller knows.
    pub coordinates: Option<Coordinates>,
    /// How far the client may be from them, kilometres.
    pub radius_km: f32,
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

impl Query {
    /// The place of the client, from the most trusted source there is.
    #[must_use]
    pub fn location(&self) -> ClientLocation {
        match (self.coordinates, self.edge) {
            (Some(at), _) => ClientLocation {
                source: LocationSource::Coordinates,
                coordinates: Some(at),
                radius_km: self.radius_km,
            },
            (None, Some(edge)) => ClientLocation {
                source: LocationSource::Edge,
                coordinates: Some(edge),
                radius_km: 0.0,
            },
            (None, None) => ClientLocation {
                source: LocationSource::Unknown,
                coordinates: None,
                radius_km: 0.0,
            },
        }
    }
}
