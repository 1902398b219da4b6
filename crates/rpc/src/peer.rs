//! Who is at the other end of a connection, as the accept loop saw it.
//!
//! Always holds: a [`PeerIdentity`] comes only from a certificate whose chain was verified and whose SPIFFE id
//! agrees with the authority that anchored it. The accept loop puts one [`PeerInfo`] into the extensions of
//! every request of the connection.

use std::{net::SocketAddr, sync::Arc};

use jiff::Timestamp;
use names::SpiffeId;

/// The door that a connection came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListenerKind {
    /// The API: a client certificate is optional, and each method's access option says what it demands.
    Main,
    /// Enrolment: server-authenticated only, a method of any class but PUBLIC is refused.
    Enrolment,
}

/// What is known of a connection before any request.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// The other end.
    pub remote: SocketAddr,
    /// The door.
    pub listener: ListenerKind,
    /// Its verified certificate, when it showed one.
    pub identity: Option<Arc<PeerIdentity>>,
}

/// A verified client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerIdentity {
    /// Its only URI SAN.
    pub spiffe: SpiffeId,
    /// Serial number, big-endian bytes as in the certificate.
    pub serial: Vec<u8>,
    /// When it expires.
    pub not_after: Timestamp,
    /// SHA-256 of its SubjectPublicKeyInfo (DER).
    pub public_key_sha256: [u8; 32],
}
