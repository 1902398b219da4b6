//! SPIFFE ids: who a certificate speaks for.
//!
//! The id stands in the certificate as its only URI SAN. Rules from the SPIFFE ID specification, section 2:
//! scheme `spiffe`, a trust domain of lower-case letters, digits, `.`, `-` and `_`, no port, no query.

use std::{fmt, str::FromStr};

use crate::{AppConnectorName, Id, id::shorten};

/// Longest trust domain, in bytes (SPIFFE ID specification, section 2.1).
pub const MAX_TRUST_DOMAIN_LEN: usize = 255;

/// The name of a whole installation, for example `causeway.example`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(String);

impl TrustDomain {
    /// Parses a trust domain.
    ///
    /// # Errors
    /// [`SpiffeError::TrustDomain`] with the rule.
    pub fn parse(text: &str) -> Result<Self, SpiffeError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
        if text.is_empty() || text.len() > MAX_TRUST_DOMAIN_LEN || !text.bytes().all(allowed) {
            return Err(SpiffeError::TrustDomain(shorten(text)));
        }
        Ok(Self(text.to_owned()))
    }

    /// The domain as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of program an id names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Workload {
    /// `services/<name>`: one of the control plane's own.
    Service(Id),
    /// `tenants/<t>/appConnectors/<c>`: an enrolled connector.
    AppConnector(AppConnectorName),
}

/// `spiffe://<trust domain>/<workload>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    /// The installation.
    pub trust_domain: TrustDomain,
    /// The program in it.
    pub workload: Workload,
}

/// Why a text is not a SPIFFE id of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeError {
    /// The trust domain breaks the rule.
    #[error("`{0}` is not a trust domain: use 1 to 255 of a-z, 0-9, `.`, `-` and `_`")]
    TrustDomain(String),
    /// Scheme or path are not of a form that we issue.
    #[error(
        "`{0}` is not an identity of this system: expected `spiffe://<trust domain>/services/<name>` or `spiffe://<trust domain>/tenants/<tenant>/appConnectors/<connector>`"
    )]
    Shape(String),
}

impl SpiffeId {
    /// The id of one of the control plane's own services.
    #[must_use]
    pub fn service(trust_domain: TrustDomain, name: Id) -> Self {
        Self { trust_domain, workload: Workload::Service(name) }
    }

    /// The id of an enrolled connector.
    #[must_use]
    pub fn app_connector(trust_domain: TrustDomain, name: AppConnectorName) -> Self {
        Self { trust_domain, workload: Workload::AppConnector(name) }
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/", self.trust_domain)?;
        match &self.workload {
            Workload::Service(name) => write!(f, "services/{name}"),
            Workload::AppConnector(name) => name.fmt(f),
        }
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeError;

    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        let shape = || SpiffeError::Shape(shorten(text));
        let rest = text.strip_prefix("spiffe://").ok_or_else(shape)?;
        let (domain, path) = rest.split_once('/').ok_or_else(shape)?;
        let trust_domain = TrustDomain::parse(domain)?;
        let workload = match path.strip_prefix("services/") {
            Some(name) => Workload::Service(Id::parse(name).map_err(|_| shape())?),
            None => Workload::AppConnector(path.parse().map_err(|_| shape())?),
        };
        Ok(Self { trust_domain, workload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_and_connectors_come_back_from_their_text() {
        for text in [
            "spiffe://causeway.example/services/registry",
            "spiffe://causeway.example/tenants/acme/appConnectors/berlin-1",
        ] {
            assert_eq!(text.parse::<SpiffeId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_schemes_paths_and_domains_are_refused() {
        for bad in [
            "https://causeway.example/services/registry",
            "spiffe://causeway.example",
            "spiffe:///services/registry",
            "spiffe://UPPER/services/registry",
            "spiffe://causeway.example:443/services/registry",
            "spiffe://causeway.example/services/registry/x",
            "spiffe://causeway.example/tenants/acme/appConnectors/b?x=1",
        ] {
            assert!(bad.parse::<SpiffeId>().is_err(), "{bad} was accepted");
        }
    }
}
