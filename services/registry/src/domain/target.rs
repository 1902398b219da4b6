//! What an application segment covers: a name, a wildcard, an address or a network.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use serde::{Deserialize, Serialize};

/// Longest host name, in bytes (RFC 1035 section 2.3.4, without the final dot).
pub(super) const MAX_HOST_BYTES: usize = 253;

/// One entry of a segment's domains, in its one spelling.
///
/// Names are in lower case, IDNA ASCII, without the final dot; a v4-mapped v6 address is the v4
/// address; a network has no host bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// A host name.
    Host(String),
    /// Every depth below this suffix, not the suffix itself.
    Wildcard(String),
    /// An address.
    Address(IpAddr),
    /// A network and the length of its prefix, shorter than the address.
    Network(IpAddr, u8),
}

/// Why a text is no target; the message says the rule and the fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TargetError(String);

impl Target {
    /// Parses an entry.
    ///
    /// # Errors
    /// What is wrong and how to mend it.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let lower = text.to_ascii_lowercase();
        if let Some((address, length)) = lower.split_once('/') {
            return network(text, address, length);
        }
        if let Ok(address) = lower.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        let name = lower.strip_suffix('.').unwrap_or(&lower);
        match name.strip_prefix("*.") {
            Some(suffix) => host(text, suffix).map(Self::Wildcard),
            None if name == "*" => Err(TargetError(
                "a bare `*` covers everything and is not allowed; name the suffixes".to_owned(),
            )),
            None => host(text, name).map(Self::Host),
        }
    }

    /// Whether it names exactly one host or address.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self, Self::Host(_) | Self::Address(_))
    }
}

fn network(text: &str, address: &str, length: &str) -> Result<Target, TargetError> {
    let shape =
        || TargetError(format!("`{text:.80}` is not a network; send for example `10.1.0.0/16`"));
    let address: IpAddr = address.parse().map_err(|_| shape())?;
    if !length.bytes().all(|b| b.is_ascii_digit()) {
        return Err(shape());
    }
    let mut length: u8 = length.parse().map_err(|_| shape())?;
    let bits = |address: &IpAddr| if address.is_ipv4() { 32 } else { 128 };
    if length > bits(&address) {
        return Err(shape());
    }
    let canonical = address.to_canonical();
    if canonical.is_ipv4() && address.is_ipv6() {
        // A v4-mapped network is a v4 network if it lies inside ::ffff:0:0/96.
        length = length.checked_sub(96).ok_or_else(shape)?;
    }
    let base = masked(canonical, length);
    if base != canonical {
        return Err(TargetError(format!(
            "`{text:.80}` has host bits; send the network `{base}/{length}`, or the address alone"
        )));
    }
    if length == bits(&canonical) {
        return Ok(Target::Address(canonical));
    }
    Ok(Target::Network(canonical, length))
}

fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
        }
    }
}

/// A host name in lower case: labels of letters, digits, `-` and `_`, at least one of them not a
/// number (else it is a mistyped address).
pub(super) fn host(text: &str, name: &str) -> Result<String, TargetError> {
    let refuse = |why: &str| Err(TargetError(format!("`{text:.80}` is not a host name: {why}")));
    if !name.is_ascii() {
        return refuse("send the IDNA ASCII form (`xn--…`) of names in other scripts");
    }
    if name.is_empty() || name.len() > MAX_HOST_BYTES {
        return refuse("it must have 1 to 253 bytes");
    }
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !name.split('.').all(label) {
        return refuse(
            "each part has 1 to 63 of a-z, 0-9, `-` and `_`, with `-` at neither end; a `*` may only be the whole first part",
        );
    }
    if name.split('.').next_back().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        return refuse("the last part is a number, so it is taken for a mistyped address");
    }
    Ok(name.to_owned())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::Wildcard(suffix) => write!(f, "*.{suffix}"),
            Self::Address(address) => address.fmt(f),
            Self::Network(address, length) => write!(f, "{address}/{length}"),
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl TryFrom<String> for Target {
    type Error = TargetError;

    fn try_from(text: String) -> Result<Self, TargetError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_target_has_one_spelling() {
        for (text, spelling) in [
            ("CRM.Corp.Example.", "crm.corp.example"),
            ("*.Corp.Example", "*.corp.example"),
            ("_sip._tcp.example", "_sip._tcp.example"),
            ("10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("2001:DB8::1", "2001:db8::1"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.0.0.1/32", "10.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            assert_eq!(Target::parse(text).unwrap().to_string(), spelling, "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_refused_with_a_fix() {
        for (text, fix) in [
            ("", "1 to 253"),
            ("*", "name the suffixes"),
            ("a.*.example", "first part"),
            ("*a.example", "first part"),
            ("-a.example", "neither end"),
            ("a..example", "each part"),
            ("bücher.example", "xn--"),
            ("10.0.0.256", "mistyped address"),
            ("10.0.0.1/8", "10.0.0.0/8"),
            ("10.0.0.0/33", "10.1.0.0/16"),
            ("10.0.0.0/+8", "10.1.0.0/16"),
            ("::ffff:0:0/90", "10.1.0.0/16"),
            ("https://a.example", "not a network"),
            (&"a".repeat(64), "1 to 63"),
        ] {
            let error = Target::parse(text).unwrap_err().to_string();
            assert!(error.contains(fix), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_the_spelling_is_stable(text in "[a-zA-Z0-9*./:_-]{0,40}|.{0,40}") {
            if let Ok(target) = Target::parse(&text) {
                let spelling = target.to_string();
                prop_assert_eq!(Target::parse(&spelling).unwrap(), target);
            }
        }
    }
}
