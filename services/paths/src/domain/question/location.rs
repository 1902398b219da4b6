//! Where the client is, from the most trusted source that knows.
//!
//! Always holds: the answer says which source that was.
//!
//! ## Design notes
//! The order of trust: a client network of the tenant around the client's address, since an administrator wrote it;
//! coordinates from the caller; the place of the asking edge. There is no geo-IP database here. With one, the edge's
//! place is for private addresses, which no such database knows, and for those on which it is silent.

use super::{client_network::ClientNetworks, query::Query};
use crate::domain::cost::place::Coordinates;

/// How the place of the client was found, most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocationSource {
    /// A client network of the tenant covers the client's address.
    ClientNetwork,
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

/// The place of the client of a question.
#[must_use]
pub fn place(query: &Query, networks: &ClientNetworks) -> ClientLocation {
    let of_network = query.address.and_then(|address| networks.find(address));
    let (source, coordinates, radius_km) =
        match (of_network.map(|site| site.coordinates), query.coordinates, query.edge) {
            (Some(at), _, _) => (LocationSource::ClientNetwork, Some(at), 0.0),
            (None, Some(at), _) => (LocationSource::Coordinates, Some(at), query.radius_km),
            (None, None, Some(at)) => (LocationSource::Edge, Some(at), 0.0),
            (None, None, None) => (LocationSource::Unknown, None, 0.0),
        };
    ClientLocation { source, coordinates, radius_km }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{
        configuration::ClientNetwork,
        testing::{id, query},
    };

    #[test]
    fn the_most_trusted_source_that_knows_places_the_client() {
        let at = |latitude| Coordinates::new(latitude, 0.0);
        let office = ClientNetwork {
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            coordinates: at(1.0).unwrap(),
        };
        let networks = ClientNetworks::new(&BTreeMap::from([(id("office"), office)]));
        let (inside, outside) = ("10.1.2.3".parse().ok(), "192.0.2.1".parse().ok());
        for (address, coordinates, edge, source, place, radius_km) in [
            (inside, at(2.0), at(3.0), LocationSource::ClientNetwork, at(1.0), 0.0),
            (outside, at(2.0), at(3.0), LocationSource::Coordinates, at(2.0), 7.0),
            (None, at(2.0), None, LocationSource::Coordinates, at(2.0), 7.0),
            (outside, None, at(3.0), LocationSource::Edge, at(3.0), 0.0),
            (outside, None, None, LocationSource::Unknown, None, 0.0),
        ] {
            let query = Query { address, coordinates, edge, radius_km: 7.0, ..query("a.b") };
            let expected = ClientLocation { source, coordinates: place, radius_km };
            assert_eq!(super::place(&query, &networks), expected);
        }
    }
}
