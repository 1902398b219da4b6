//! From a target's host to addresses, in the families that the group allows.
//!
//! Owns: the families and their filter. Always holds: a literal address is used only if its family is allowed; an
//! address of a family that is switched off is never dialled.
//! Absent on purpose: a cache. The system's resolver has one, and a probe should notice that a name moved.

use std::net::{IpAddr, SocketAddr};

/// Address families, as the group's DNS resolution option says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Families {
    /// Both; the default.
    #[default]
    Both,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// Why there is no address to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAddress {
    /// The name has addresses, but none in an allowed family.
    FamilyMismatch,
    /// The name does not resolve.
    NotResolved,
}

impl Families {
    /// Whether `address` may be used. An IPv4 address written as IPv6 counts as IPv4.
    #[must_use]
    pub(crate) fn allow(self, address: IpAddr) -> bool {
        match self {
            Self::Both => true,
            Self::V4 => address.to_canonical().is_ipv4(),
            Self::V6 => address.to_canonical().is_ipv6(),
        }
    }
}

/// Addresses of a host, in the resolver's order.
///
/// # Errors
/// [`NoAddress`] with which of the two it is.
pub(crate) async fn resolve(
    host: &str,
    port: u16,
    families: Families,
) -> Result<Vec<SocketAddr>, NoAddress> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
        Ok(literal) => vec![SocketAddr::new(literal, port)],
        Err(_) => tokio::net::lookup_host((host, port))
            .await
            .map_err(|_| NoAddress::NotResolved)?
            .collect(),
    };
    if found.is_empty() {
        return Err(NoAddress::NotResolved);
    }
    let allowed: Vec<_> = found.into_iter().filter(|found| families.allow(found.ip())).collect();
    if allowed.is_empty() { Err(NoAddress::FamilyMismatch) } else { Ok(allowed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_literal_needs_its_own_family() {
        for (host, families, allowed) in [
            ("192.0.2.1", Families::Both, true),
            ("192.0.2.1", Families::V4, true),
            ("192.0.2.1", Families::V6, false),
            ("2001:db8::1", Families::V4, false),
            ("[2001:db8::1]", Families::V6, true),
            ("::ffff:192.0.2.1", Families::V6, false),
        ] {
            let found = resolve(host, 443, families).await;
            match allowed {
                true => assert_eq!(found.unwrap().len(), 1, "{host} {families:?}"),
                false => assert_eq!(found, Err(NoAddress::FamilyMismatch), "{host} {families:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_not_a_family_mismatch() {
        // `.invalid` never resolves (RFC 6761, section 6.4).
        let found = resolve("nowhere.invalid", 443, Families::Both).await;
        assert_eq!(found, Err(NoAddress::NotResolved));
    }
}
