//! Hosts as users ask for them and domains as segments name them, in one comparable form.
//!
//! Always holds: names are lower-case IDNA ASCII without a final dot; IPv4-mapped IPv6 is IPv4.

use std::{fmt, net::IpAddr};

use unicode_normalization::UnicodeNormalization as _;

use super::{
    network::{Network, NetworkError},
    punycode,
};

/// Longest DNS name without the final dot, bytes (RFC 1035).
const MAX_NAME_LEN: usize = 253;
/// Longest DNS label, bytes (RFC 1035).
const MAX_LABEL_LEN: usize = 63;

/// A host: a name or an address, normalised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A DNS name.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// Why a text is neither a host nor a domain of a segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Nothing there.
    #[error("a host is missing: send a host name or an IP address")]
    Empty,
    /// Too long for DNS.
    #[error("the host name is longer than 253 bytes")]
    TooLong,
    /// A label breaks the rule.
    #[error(
        "`{0}` is no part of a host name: use 1 to 63 letters, digits, `-` and `_`, without `-` at either end"
    )]
    Label(String),
    /// No network.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl Host {
    /// Parses what a user asks for.
    ///
    /// # Errors
    /// [`HostError`] with the rule.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(Self::Address(address.to_canonical())),
            Err(_) => normal_name(text).map(Self::normal),
        }
    }

    /// Only its one form shows that `10.0.0.1.` is an address, or one in digits of full width.
    fn normal(name: String) -> Self {
        match name.parse() {
            Ok(address) => Self::Address(address),
            Err(_) => Self::Name(name),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// What a segment covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// Exactly this host.
    Host(Host),
    /// Every name below the suffix at any depth, not the suffix itself. An empty suffix covers every name.
    Below(String),
    /// Every address of the network.
    Network(Network),
}

impl Domain {
    /// Parses a domain of a segment: host name, `*.suffix`, `*`, address or CIDR.
    ///
    /// # Errors
    /// [`HostError`] with the rule.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if text == "*" {
            return Ok(Self::Below(String::new()));
        }
        if let Some(suffix) = text.strip_prefix("*.") {
            return normal_name(suffix).map(Self::Below);
        }
        if text.contains('/') {
            return Ok(Self::Network(text.parse()?));
        }
        Host::parse(text).map(Self::Host)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Below(suffix) if suffix.is_empty() => f.write_str("*"),
            Self::Below(suffix) => write!(f, "*.{suffix}"),
            Self::Network(network) => network.fmt(f),
        }
    }
}

fn normal_name(text: &str) -> Result<String, HostError> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() {
        return Err(HostError::Empty);
    }
    // Checked before the work, too: a name of megabytes is not worth folding.
    if text.len() > 4 * MAX_NAME_LEN {
        return Err(HostError::TooLong);
    }
    let name = if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.nfkc().flat_map(char::to_lowercase).nfc().collect::<String>().replace('。', ".")
    };
    let labels: Vec<String> = name.split('.').map(ascii_label).collect::<Result<_, _>>()?;
    let name = labels.join(".");
    if name.len() > MAX_NAME_LEN { Err(HostError::TooLong) } else { Ok(name) }
}

fn ascii_label(label: &str) -> Result<String, HostError> {
    let wrong = || HostError::Label(label.chars().take(MAX_LABEL_LEN).collect());
    let ascii = if label.is_ascii() {
        label.to_owned()
    } else if label.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(wrong());
    } else {
        format!("xn--{}", punycode::encode(label).ok_or_else(wrong)?)
    };
    let bytes = ascii.as_bytes();
    let fits = (1..=MAX_LABEL_LEN).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b))
        && !ascii.starts_with('-')
        && !ascii.ends_with('-');
    if fits { Ok(ascii) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host(text: &str) -> String {
        Host::parse(text).unwrap().to_string()
    }

    #[test]
    fn hosts_are_compared_in_one_form() {
        for (text, normal) in [
            ("Wiki.Corp.Example.", "wiki.corp.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("ｗｉｋｉ.example", "wiki.example"),
            ("_ldap.corp", "_ldap.corp"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("2001:DB8::1", "2001:db8::1"),
        ] {
            assert_eq!(host(text), normal);
        }
    }

    #[test]
    fn what_is_no_host_is_refused_with_the_rule() {
        assert_eq!(Host::parse(""), Err(HostError::Empty));
        assert_eq!(Host::parse("."), Err(HostError::Empty));
        for bad in ["a..b", "-a.b", "a b", "a/b", "*.b", "ü b.c", &"x".repeat(64)] {
            assert!(matches!(Host::parse(bad), Err(HostError::Label(_))), "{bad}");
        }
        let long = vec!["a".repeat(60); 5].join(".");
        assert_eq!(Host::parse(&long), Err(HostError::TooLong));
    }

    #[test]
    fn domains_are_names_wildcards_addresses_and_networks() {
        for (text, normal) in [
            ("A.b", "a.b"),
            ("*.A.b", "*.a.b"),
            ("*", "*"),
            ("10.1.2.3", "10.1.2.3"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(Domain::parse(text).unwrap().to_string(), normal);
        }
        for bad in ["10.0.0.1/8", "10.0.0.0/33", "::1/0", "x/8", "10.0.0.0/", "*.*.b", "a.*.b"] {
            assert!(Domain::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,40}(\\.\\PC{1,8}){0,3}") {
            if let Ok(first) = Host::parse(&text) {
                prop_assert_eq!(Host::parse(&first.to_string()), Ok(first));
            }
        }
    }
}
