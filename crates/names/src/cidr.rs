//! Networks: an address and how many of its leading bits count.
//!
//! Owns: the one spelling of a network in the contract. Always holds: the bits beyond the length are zero; a network or address
//! of IPv4 that is written as IPv6 (`::ffff:10.0.0.0/104`) is one of IPv4.
//! Absent on purpose: ranges that are no network, and what a network is for.
//!
//! ## Design notes
//! `ipnet` has the arithmetic. Its parser is left out because it takes octets with leading zeros (`010.0.0.0`), which other
//! programs read as octal; the standard library's parser of addresses refuses them. Its serde form is left out because it would
//! go past the two rules above.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

use crate::id::shorten;

/// Bits before the IPv4 address in an IPv6 address that stands for it (RFC 4291, section 2.5.5.2).
const MAPPED_PREFIX: u8 = 96;

/// A network, IPv4 or IPv6. In order: IPv4 first, then by address, then the longer network later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(IpNet);

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// It is not an address with a length that fits.
    #[error(
        "`{0}` is not a network: use an IPv4 or IPv6 address and the network's length, for example `10.0.0.0/8` or `2001:db8::/32`"
    )]
    Form(String),
    /// The address lies in the network and does not name it.
    #[error(
        "`{text}` has bits set beyond its length: use `{network}` for the network or `{address}` for this address alone"
    )]
    HostBits {
        /// What was sent.
        text: String,
        /// The network that the address lies in.
        network: Cidr,
        /// The network of this address alone.
        address: Cidr,
    },
}

impl Cidr {
    /// Whether the address lies in the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Address and length, host bits and all.
    fn read(text: &str) -> Option<IpNet> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        // Rust reads `+8` as a number.
        let is_number = bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits: u8 = bits.parse().ok().filter(|_| is_number)?;
        let canonical = address.to_canonical();
        let bits = if canonical.is_ipv4() && address.is_ipv6() {
            // A shorter one holds more than addresses of IPv4, and so is a network of neither.
            bits.checked_sub(MAPPED_PREFIX)?
        } else {
            bits
        };
        IpNet::new(canonical, bits).ok()
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let read = Self::read(text).ok_or_else(|| CidrError::Form(shorten(text)))?;
        let network = Self(read.trunc());
        if network.0 == read {
            return Ok(network);
        }
        let address = Self(IpNet::from(read.addr()));
        Err(CidrError::HostBits { text: shorten(text), network, address })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cidr({})", self.0)
    }
}

impl serde::Serialize for Cidr {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Cidr {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_contains_its_addresses_and_no_others() {
        for (text, address, inside) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("::/0", "192.0.2.1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("192.0.2.1/32", "192.0.2.1", true),
            ("192.0.2.1/32", "192.0.2.2", false),
        ] {
            assert_eq!(
                network(text).contains(address.parse().unwrap()),
                inside,
                "{text} {address}"
            );
        }
    }

    #[test]
    fn host_bits_are_refused_with_both_networks_that_can_be_meant() {
        for (text, network, address) in [
            ("10.1.2.3/8", "`10.0.0.0/8`", "`10.1.2.3/32`"),
            ("::ffff:10.1.2.3/104", "`10.0.0.0/8`", "`10.1.2.3/32`"),
            ("2001:db8::1/32", "`2001:db8::/32`", "`2001:db8::1/128`"),
        ] {
            let error = text.parse::<Cidr>().unwrap_err().to_string();
            assert!(error.contains(network) && error.contains(address), "{error}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_the_form() {
        for bad in [
            "",
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "010.0.0.0/8",
            "10.0.0/8",
            " 10.0.0.0/8",
            "x/8",
            "::/129",
            "::ffff:0:0/90",
            "10.0.0.0/8/8",
        ] {
            let error = bad.parse::<Cidr>().unwrap_err();
            assert_eq!(error, CidrError::Form(bad.to_owned()));
            assert!(error.to_string().contains("for example `10.0.0.0/8`"), "{error}");
        }
    }

    #[test]
    fn a_network_comes_back_from_its_text_and_travels_through_serde_as_text() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::/0"] {
            assert_eq!(network(text).to_string(), text);
            let json = serde_json::to_string(&network(text)).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Cidr>(&json).unwrap(), network(text));
        }
        assert!(serde_json::from_str::<Cidr>("\"10.0.0.1/8\"").is_err());
    }

    #[test]
    fn a_network_of_ipv4_has_one_form() {
        assert_eq!(network("::ffff:10.0.0.0/104"), network("10.0.0.0/8"));
        assert_eq!(network("::ffff:10.0.0.0/104").to_string(), "10.0.0.0/8");
        assert_eq!(network("2001:DB8:0::/32").to_string(), "2001:db8::/32");
    }

    #[test]
    fn networks_are_ordered_by_address_and_the_wider_one_first() {
        let sorted = ["10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "192.0.2.0/24", "::/0"];
        let mut networks = sorted.map(network);
        networks.reverse();
        networks.sort();
        assert_eq!(networks.map(|network| network.to_string()), sorted);
    }
}
