//! IP networks, and a table that finds the longest one around an address.
//!
//! Always holds: a network has no host bits; a network of IPv4-mapped addresses is that of the IPv4 addresses.
//!
//! ## Design notes
//! A look-up probes one hash map with each prefix length that occurs, longest first. Tenants use a handful of lengths,
//! so that is a handful of probes whatever the number of networks. The map uses the standard keyed hasher, since tenants
//! choose the keys.

use std::{collections::HashMap, fmt, net::IpAddr, str::FromStr};

/// Most characters of a wrong text that an error repeats.
const QUOTED: usize = 80;

/// A CIDR network without host bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

/// The prefix of a network is not a number in range, or it has host bits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a network: write an address without host bits and a prefix length")]
pub struct NetworkError(String);

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError(text.chars().take(QUOTED).collect());
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        // Rust reads `+8` as a number.
        let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix: u8 = prefix.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        let first = address.to_canonical();
        let prefix = prefix.checked_sub(width(address) - width(first)).ok_or_else(wrong)?;
        let network = Self { first, prefix };
        (prefix <= width(first) && Self::of(first, prefix) == network)
            .then_some(network)
            .ok_or_else(wrong)
    }
}

impl Network {
    /// The network of this prefix length that an address lies in.
    #[must_use]
    pub fn of(address: IpAddr, prefix: u8) -> Self {
        let first = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
                IpAddr::V4((u32::from(v4) & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
                IpAddr::V6((u128::from(v6) & mask).into())
            }
        };
        Self { first, prefix }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// What lies behind each of many networks.
#[derive(Clone, Debug)]
pub struct NetworkTable<T> {
    entries: HashMap<Network, T>,
    /// Prefix lengths that occur, longest first.
    lengths_v4: Vec<u8>,
    lengths_v6: Vec<u8>,
}

impl<T> Default for NetworkTable<T> {
    fn default() -> Self {
        Self::from(HashMap::new())
    }
}

impl<T> From<HashMap<Network, T>> for NetworkTable<T> {
    fn from(entries: HashMap<Network, T>) -> Self {
        let lengths = |ipv4: bool| {
            let of_family = entries.keys().filter(|network| network.first.is_ipv4() == ipv4);
            let mut lengths: Vec<u8> = of_family.map(|network| network.prefix).collect();
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.dedup();
            lengths
        };
        let (lengths_v4, lengths_v6) = (lengths(true), lengths(false));
        Self { entries, lengths_v4, lengths_v6 }
    }
}

impl<T> NetworkTable<T> {
    /// The networks around an address, the longest first. An IPv4-mapped address is the IPv4 one.
    pub fn around(&self, address: IpAddr) -> impl Iterator<Item = (Network, &T)> {
        let address = address.to_canonical();
        let lengths = if address.is_ipv4() { &self.lengths_v4 } else { &self.lengths_v6 };
        lengths.iter().filter_map(move |prefix| {
            let network = Network::of(address, *prefix);
            Some((network, self.entries.get(&network)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(networks: &[&str]) -> NetworkTable<usize> {
        let parsed = networks.iter().map(|text| text.parse().unwrap()).zip(0..);
        NetworkTable::from(parsed.collect::<HashMap<Network, usize>>())
    }

    fn around(table: &NetworkTable<usize>, address: &str) -> Vec<usize> {
        table.around(address.parse().unwrap()).map(|(_, position)| *position).collect()
    }

    #[test]
    fn the_longest_network_comes_first_and_wider_ones_follow() {
        let table = table(&["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "::/0"]);
        assert_eq!(around(&table, "10.1.2.3"), [3, 2, 1, 0]);
        assert_eq!(around(&table, "10.1.2.4"), [2, 1, 0]);
        assert_eq!(around(&table, "192.0.2.1"), [0]);
        assert_eq!(around(&table, "2001:db8::1"), [4], "the families are apart");
    }

    #[test]
    fn a_mapped_address_lies_in_the_networks_of_its_ipv4_address() {
        let table = table(&["::ffff:10.0.0.0/104", "::/0"]);
        assert_eq!(around(&table, "::ffff:10.1.2.3"), [0]);
        assert_eq!(around(&table, "10.1.2.3"), [0]);
    }

    #[test]
    fn an_empty_table_finds_nothing() {
        let table = NetworkTable::<usize>::default();
        assert!(around(&table, "10.0.0.1").is_empty() && around(&table, "::1").is_empty());
    }

    proptest! {
        #[test]
        fn the_table_finds_what_a_search_through_all_networks_finds(
            networks in prop::collection::hash_map((any::<u32>(), 0..=32u8), any::<u8>(), 0..12),
            address in any::<u32>(),
        ) {
            let networks: HashMap<Network, u8> = networks
                .into_iter()
                .map(|((first, prefix), value)| (Network::of(IpAddr::V4(first.into()), prefix), value))
                .collect();
            let address = IpAddr::V4(address.into());
            let mut expected: Vec<(Network, u8)> =
                networks.iter().map(|(network, value)| (*network, *value)).collect();
            expected.retain(|(network, _)| Network::of(address, network.prefix) == *network);
            expected.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix));
            let table = NetworkTable::from(networks);
            let found: Vec<(Network, u8)> =
                table.around(address).map(|(network, value)| (network, *value)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
