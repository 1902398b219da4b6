//! Networks from which a key may be used.

use std::{fmt, net::IpAddr, str::FromStr};

/// A network: an address and the number of leading bits that count. Host bits are zero; a v4-mapped
/// address is its v4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cidr {
    address: IpAddr,
    bits: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CidrError {
    #[error(
        "use an IPv4 or IPv6 network with its length, for example `10.0.0.0/8` or `2001:db8::/32`"
    )]
    Form,
    #[error("bits are set beyond the length; did you mean `{0}`?")]
    HostBits(Cidr),
}

impl Cidr {
    /// Whether the address lies in the network.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.bits) == self.address
    }
}

/// The address with only its first `bits` bits.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((u128::from(v6) & mask).into())
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, bits) = text.split_once('/').ok_or(CidrError::Form)?;
        let address: IpAddr = address.parse().map_err(|_| CidrError::Form)?;
        // Rust reads `+8` as a number.
        if !bits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CidrError::Form);
        }
        let bits: u8 = bits.parse().map_err(|_| CidrError::Form)?;
        // A v4-mapped network is its v4 network; one shorter than the mapping's own 96 bits is neither.
        let (address, bits) = match address.to_canonical() {
            v4 @ IpAddr::V4(_) if address.is_ipv6() => {
                (v4, bits.checked_sub(96).ok_or(CidrError::Form)?)
            }
            other => (other, bits),
        };
        let longest = if address.is_ipv4() { 32 } else { 128 };
        if bits > longest {
            return Err(CidrError::Form);
        }
        let network = Self { address: masked(address, bits), bits };
        if network.address == address { Ok(network) } else { Err(CidrError::HostBits(network)) }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_its_addresses_and_no_others() {
        for (network, address, inside) in [
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
            let network: Cidr = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{network} {address}");
        }
    }

    #[test]
    fn host_bits_are_refused_with_the_network_that_was_meant() {
        let error = "10.1.2.3/8".parse::<Cidr>().unwrap_err();
        assert!(error.to_string().contains("10.0.0.0/8"), "{error}");
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/-1", "::ffff:0:0/90"]
        {
            assert_eq!(bad.parse::<Cidr>().unwrap_err(), CidrError::Form, "{bad}");
        }
    }

    #[test]
    fn a_network_comes_back_from_its_text() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32"] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), text);
        }
    }
}
