//! Which client certificates a server accepts.
//!
//! Owns: the decision on a client certificate during the handshake.
//! Always holds: the SAN selects the one authority that may certify it, and the chain must end there. So the tenant
//! of an accepted certificate is that of the authority that anchored it: a SAN naming another tenant sends the
//! check to that other tenant's roots, where this chain does not end.
//! Absent on purpose: root hints (they would list every tenant to anyone who connects), and revocation (checked
//! per request, so that open connections end too).

use std::{sync::Arc, time::Duration};

use names::Workload;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use super::{TrustBundles, leaf::LeafContent, provider, read_leaf};

/// Checks client certificates against live bundles; a client without one is accepted without an identity.
#[derive(Debug)]
pub struct PeerVerifier {
    bundles: TrustBundles,
    grace: Duration,
}

impl PeerVerifier {
    /// A connector whose leaf ended less than `grace` ago is accepted; its requests are marked as expired
    /// (`Caller::is_expired`). Only a service that must outlive provisioning has a grace; for the others it is zero.
    #[must_use]
    pub fn new(bundles: TrustBundles, grace: Duration) -> Arc<Self> {
        Arc::new(Self { bundles, grace })
    }

    /// The time by which to judge an expired leaf, if it is within the grace.
    fn time_in_grace(&self, leaf: &LeafContent, now: UnixTime) -> Option<UnixTime> {
        let is_connector = matches!(leaf.spiffe.workload, Workload::AppConnector(_));
        let end = u64::try_from(leaf.not_after.as_second()).ok()?;
        let overdue = now.as_secs().checked_sub(end)?;
        let within = overdue < self.grace.as_secs();
        (is_connector && within).then(|| UnixTime::since_unix_epoch(Duration::from_secs(end)))
    }
}

impl ClientCertVerifier for PeerVerifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let leaf = read_leaf(end_entity).map_err(|error| {
            tracing::debug!(%error, "a client certificate cannot be read");
            Error::InvalidCertificate(CertificateError::BadEncoding)
        })?;
        let anchor = self
            .bundles
            .anchor_for(&leaf.spiffe)
            .ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let judge = |time| anchor.clients.verify_client_cert(end_entity, intermediates, time);
        match judge(now) {
            Err(error) if is_expired(&error) => match self.time_in_grace(&leaf, now) {
                Some(time) => judge(time),
                None => Err(error),
            },
            verdict => verdict,
        }
    }

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
}

fn is_expired(error: &Error) -> bool {
    use CertificateError::{Expired, ExpiredContext};
    matches!(error, Error::InvalidCertificate(Expired | ExpiredContext { .. }))
}
