//! Identities: certificates, the authorities that sign them, and the trust bundles that they are checked against.
//!
//! Owns: making and reading X.509 for SPIFFE identities; deciding which authority may certify which identity; the
//! TLS configurations built on that.
//! Always holds: a leaf carries exactly one URI SAN, its SPIFFE id; the system authority certifies services
//! only, a tenant's authority only connectors of that tenant; keys are P-256; private keys lie in files of mode
//! 0600 and are never logged.
//! Absent on purpose: revocation lists on the wire (callers are checked per request against a deny list, see
//! `rpc::revocation`), and access rules (`rpc::access`).
//!
//! Read in this order: `provider`, `key`, `csr`, `authority` (signing), `pki` (the system's own), `bundles` and
//! `verifier` (which peers are trusted), `service` (our own certificate), `tls` (both sides of a connection).

mod authority;
mod bundles;
mod csr;
mod error;
mod files;
#[cfg(test)]
mod fuzz;
mod key;
mod leaf;
mod pki;
mod provider;
mod service;
mod tls;
mod verifier;

pub use authority::{AUTHORITY_LIFETIME, CertificateAuthority, LEAF_LIFETIME, Leaf, Validity};
pub use bundles::TrustBundles;
pub use csr::{Csr, MAX_CSR_BYTES};
pub use error::IdentityError;
pub use key::PublicKey;
pub use leaf::{LeafContent, read_leaf};
pub use pki::{SERVICE_LEAF_LIFETIME, SERVICES, SystemPki};
pub use provider::provider;
pub use service::ServiceIdentity;
pub(crate) use tls::server_tls;
pub use tls::{ALPN_H2, ALPN_HTTP1, client_tls, pinned_client_tls};
pub use verifier::PeerVerifier;
