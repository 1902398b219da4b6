//! Where the users behind an address are, as the tenant's client networks say.
//!
//! Always holds: of the networks around an address the longest counts; an IPv4-mapped address is the IPv4 one; of two
//! client networks with the same network, which registry refuses, the first by its id counts.
//! Absent on purpose: rules. Registry checks what a client network may be; what cannot be read of it is left out when it is told.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use names::Id;

use crate::domain::{
    configuration::ClientNetwork,
    cost::place::Coordinates,
    matching::network::{Network, NetworkTable},
};

/// The client networks of one tenant, ready to be searched.
#[derive(Clone, Debug, Default)]
pub struct ClientNetworks(NetworkTable<Site>);

/// Where the users of a network are.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// The client network that says so.
    pub client_network: Id,
    /// Where they are.
    pub coordinates: Coordinates,
}

impl ClientNetworks {
    /// A table of all networks of all client networks.
    #[must_use]
    pub fn new(all: &BTreeMap<Id, ClientNetwork>) -> Self {
        let mut table: HashMap<Network, Site> = HashMap::new();
        for (id, ClientNetwork { networks, coordinates }) in all {
            for network in networks {
                let site = || Site { client_network: id.clone(), coordinates: *coordinates };
                table.entry(*network).or_insert_with(site);
            }
        }
        Self(table.into())
    }

    /// The place of the longest network around an address.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> Option<&Site> {
        self.0.around(address).next().map(|(_, site)| site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::id;

    fn networks(all: &[(&str, &[&str])]) -> ClientNetworks {
        let network = |(name, networks): &(&str, &[&str])| {
            let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
            let coordinates = Coordinates::new(0.0, 0.0).unwrap();
            (id(name), ClientNetwork { networks, coordinates })
        };
        ClientNetworks::new(&all.iter().map(network).collect())
    }

    fn found(networks: &ClientNetworks, address: &str) -> Option<String> {
        let site = networks.find(address.parse().unwrap());
        site.map(|site| site.client_network.to_string())
    }

    #[test]
    fn the_longest_network_around_an_address_names_the_site() {
        let networks = networks(&[
            ("company", &["10.0.0.0/8", "2001:db8::/32"]),
            ("paris", &["10.1.0.0/16", "10.2.0.0/16"]),
            ("meeting-room", &["10.1.2.0/24"]),
        ]);
        for (address, site) in [
            ("10.9.9.9", Some("company")),
            ("10.1.9.9", Some("paris")),
            ("10.2.9.9", Some("paris")),
            ("10.1.2.3", Some("meeting-room")),
            ("::ffff:10.1.2.3", Some("meeting-room")),
            ("2001:db8::1", Some("company")),
            ("2001:db9::1", None),
            ("192.0.2.1", None),
        ] {
            assert_eq!(found(&networks, address).as_deref(), site, "{address}");
        }
    }

    #[test]
    fn of_equal_networks_the_first_by_id_counts() {
        let networks = networks(&[("b", &["10.0.0.0/8"]), ("a", &["10.0.0.0/8"])]);
        assert_eq!(found(&networks, "10.0.0.1").as_deref(), Some("a"));
    }

    #[test]
    fn without_client_networks_nothing_is_found() {
        assert_eq!(found(&ClientNetworks::default(), "10.0.0.1"), None);
    }
}
