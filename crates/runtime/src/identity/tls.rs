//! Both sides of a TLS connection.
//!
//! Owns: rustls configurations built on identities and bundles.
//! Always holds: TLS 1.3 only; certificates are verified against the process's clock; identities and roots are looked up
//! per handshake, so neither side rebuilds a configuration when they change.
//! Absent on purpose: session resumption. A resumed session skips the check of the client's certificate, and so
//! would outlive a removed authority.
//!
//! ## Design notes
//! Swapping a whole `ServerConfig` per accept would do the same; resolving inside one configuration leaves nothing to
//! swap, and the client side, whose connector keeps its configuration, gets the same for free.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::NoServerSessionStorage,
};

use super::{
    IdentityError, ServiceIdentity, TrustBundles, bundles::server_verifier, leaf::spki_sha256,
    provider, verifier::PeerVerifier,
};
use crate::clock::Clock;

/// HTTP/2, as ALPN says it.
pub const ALPN_H2: &[u8] = b"h2";
/// HTTP/1.1, as ALPN says it.
pub const ALPN_HTTP1: &[u8] = b"http/1.1";

/// The server side: presents `identity`; asks for a client certificate if there is a verifier for it.
pub(crate) fn server_tls(
    identity: ServiceIdentity,
    verifier: Option<Arc<PeerVerifier>>,
    alpn: &[&[u8]],
    clock: &Clock,
) -> Result<Arc<ServerConfig>, IdentityError> {
    let builder = ServerConfig::builder_with_details(provider(), clock.time_provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| IdentityError::Crypto(error.to_string()))?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(identity));
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The client side: presents `identity` if there is one, and accepts a server whose chain ends at a system root
/// and whose certificate names the host that was dialled.
///
/// # Errors
/// [`IdentityError::Crypto`] if the provider lacks TLS 1.3, which ours does not.
pub fn client_tls(
    identity: Option<ServiceIdentity>,
    bundles: TrustBundles,
    clock: &Clock,
) -> Result<Arc<ClientConfig>, IdentityError> {
    client(identity, Arc::new(SystemServers(bundles)), clock)
}

/// The first contact of a connector: accepts a server whose chain holds a root with this SHA-256 of its public
/// key, which the join token carries. The server sends its root along for that.
///
/// # Errors
/// As [`client_tls`].
pub fn pinned_client_tls(
    root_public_key_sha256: [u8; 32],
    clock: &Clock,
) -> Result<Arc<ClientConfig>, IdentityError> {
    client(None, Arc::new(PinnedServers(root_public_key_sha256)), clock)
}

fn client(
    identity: Option<ServiceIdentity>,
    verifier: Arc<dyn ServerCertVerifier>,
    clock: &Clock,
) -> Result<Arc<ClientConfig>, IdentityError> {
    let builder = ClientConfig::builder_with_details(provider(), clock.time_provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| IdentityError::Crypto(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(identity)),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN_H2.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Accepts servers that the live system roots certify.
#[derive(Debug)]
struct SystemServers(TrustBundles);

/// Accepts servers that the root with this public key certifies.
#[derive(Debug)]
struct PinnedServers([u8; 32]);

impl PinnedServers {
    /// The root among the certificates that the server sent.
    fn root(&self, sent: &[CertificateDer<'_>]) -> Result<CertificateDer<'static>, Error> {
        let is_pinned = |der: &&CertificateDer<'_>| spki_sha256(der).is_ok_and(|is| is == self.0);
        sent.iter()
            .find(is_pinned)
            .map(|root| root.clone().into_owned())
            .ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }
}

macro_rules! verify_signatures_as_the_provider_does {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = provider().signature_verification_algorithms;
            rustls::crypto::verify_tls12_signature(message, cert, dss, &algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = provider().signature_verification_algorithms;
            rustls::crypto::verify_tls13_signature(message, cert, dss, &algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            provider().signature_verification_algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for SystemServers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.servers().verify_server_cert(end_entity, intermediates, server_name, ocsp, now)
    }

    verify_signatures_as_the_provider_does!();
}

impl ServerCertVerifier for PinnedServers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let root = self.root(intermediates)?;
        server_verifier(&[root])
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp, now)
    }

    verify_signatures_as_the_provider_does!();
}
