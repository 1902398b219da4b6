//! The connector's identity: its key pair, its leaf certificate and the roots that it trusts.
//!
//! Owns: the record that enrolment and renewal fill, and the times derived from the leaf.
//! Always holds: the key is P-256; a certificate request carries the public key and nothing that the server would
//! have to take on trust; renewal starts at two thirds of the leaf's life.
//! Absent on purpose: the name in the certificate, which provisioning alone decides.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use names::{AppConnectorName, TrustDomain};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use runtime::identity::{IdentityError, ServiceIdentity, TrustBundles};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use serde::{Deserialize, Serialize};

/// Renewal starts at this share of the leaf's life: with 7 days, 56 hours are left to find provisioning again.
const RENEW_SHARE: f64 = 2.0 / 3.0;

/// What enrolment gave, kept until the next renewal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The connector's resource name.
    pub app_connector: AppConnectorName,
    /// The leaf and the roots.
    pub certificates: Certificates,
    /// Where to renew, `https://host:port`.
    pub provisioning_endpoint: String,
    /// Where to report, `https://host:port`.
    pub paths_endpoint: String,
}

/// What a renewal replaces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Certificates {
    /// The leaf first, then its intermediates.
    pub chain: Vec<Certificate>,
    /// Roots of the tenant's connectors.
    pub tenant_bundle: Vec<Certificate>,
    /// Roots of the control plane's services.
    pub system_bundle: Vec<Certificate>,
    /// From when the leaf is valid.
    pub not_before: Timestamp,
    /// Until when the leaf is valid.
    pub not_after: Timestamp,
    /// The installation.
    pub trust_domain: String,
}

impl Identity {
    /// When to begin renewing: at two thirds of the leaf's life, and `spread` (a share of it) later.
    #[must_use]
    pub(crate) fn renew_at(&self, spread: f64) -> Timestamp {
        let Certificates { not_before, not_after, .. } = self.certificates;
        let life = not_after.duration_since(not_before);
        let share = life.mul_f64(RENEW_SHARE + spread);
        not_before.checked_add(share).unwrap_or(not_after)
    }

    /// Whether the leaf is past its end.
    pub(crate) fn expired(&self, now: Timestamp) -> bool {
        now >= self.certificates.not_after
    }

    /// The chain as it is presented to servers.
    #[must_use]
    pub(crate) fn chain_pem(&self) -> String {
        self.certificates.chain.iter().map(Certificate::pem).collect()
    }

    /// Chain and key, ready for TLS.
    ///
    /// # Errors
    /// [`IdentityError`] if they do not belong together.
    pub(crate) fn tls_identity(&self, key_pem: &str) -> Result<ServiceIdentity, IdentityError> {
        ServiceIdentity::from_pem(&self.chain_pem(), key_pem)
    }

    /// Roots of the control plane's services.
    #[must_use]
    pub(crate) fn system_roots(&self) -> Vec<CertificateDer<'static>> {
        self.certificates.system_bundle.iter().map(|root| root.0.clone().into()).collect()
    }

    /// The roots that this connector trusts.
    ///
    /// # Errors
    /// [`IdentityError`] if the trust domain or a root is not one.
    pub(crate) fn trust(&self) -> Result<TrustBundles, IdentityError> {
        let domain = TrustDomain::parse(&self.certificates.trust_domain)
            .map_err(|error| IdentityError::Name(error.to_string()))?;
        TrustBundles::new(domain, self.system_roots())
    }
}

/// A certificate in DER; base64 in files.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Certificate(pub Vec<u8>);

impl Certificate {
    /// The certificate as PEM text (RFC 7468).
    #[must_use]
    pub(crate) fn pem(&self) -> String {
        const LINE: usize = 64;
        let text = BASE64_STANDARD.encode(&self.0);
        let lines = text.as_bytes().chunks(LINE).map(String::from_utf8_lossy);
        let body: String = lines.map(|line| format!("{line}\n")).collect();
        format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({} bytes)", self.0.len())
    }
}

impl Serialize for Certificate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Certificate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// The connector's own key pair.
pub(crate) struct OwnKey(KeyPair);

/// Why the key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the connector's private key cannot be used ({0}): delete the state directory and enrol anew with a join token"
)]
pub struct KeyError(#[from] rcgen::Error);

impl OwnKey {
    /// A new P-256 key pair, as PKCS#8 PEM.
    ///
    /// # Errors
    /// [`KeyError`] if the system's randomness fails.
    pub(crate) fn generate_pem() -> Result<String, KeyError> {
        Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?.serialize_pem())
    }

    /// Reads a P-256 key pair.
    ///
    /// # Errors
    /// [`KeyError`] if the text is not a P-256 key in PKCS#8 PEM.
    pub(crate) fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_ECDSA_P256_SHA256);
        Ok(Self(key.map_err(|error| match error {
            // Its own words repeat a line of the text, and so of the key.
            rcgen::Error::PemError(_) => rcgen::Error::PemError("no PEM text".to_owned()),
            error => error,
        })?))
    }

    /// A certificate request: the public key, and the proof that its private half is here.
    ///
    /// # Errors
    /// [`KeyError`] if signing fails.
    pub(crate) fn certificate_request(
        &self,
    ) -> Result<CertificateSigningRequestDer<'static>, KeyError> {
        Ok(CertificateParams::default().serialize_request(&self.0)?.into())
    }
}

#[cfg(test)]
pub(crate) fn example() -> Identity {
    Identity {
        app_connector: "tenants/acme/appConnectors/berlin-1".parse().unwrap(),
        certificates: Certificates {
            chain: vec![Certificate(vec![1, 2, 3])],
            tenant_bundle: vec![Certificate(vec![4])],
            system_bundle: vec![Certificate(vec![5])],
            not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
            not_after: "2026-01-08T00:00:00Z".parse().unwrap(),
            trust_domain: "causeway.example".into(),
        },
        provisioning_endpoint: "https://a.example:7452".into(),
        paths_endpoint: "https://a.example:7454".into(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn renewal_begins_at_two_thirds_and_leaves_56_hours_of_seven_days() {
        let identity = example();
        let left =
            |spread| identity.certificates.not_after.duration_since(identity.renew_at(spread));
        let off = left(0.0) - SignedDuration::from_hours(56);
        assert!(off.abs() < SignedDuration::from_secs(1), "{off}");
        assert!(left(0.05) < left(0.0) && left(0.05) > SignedDuration::from_hours(40));
    }

    #[test]
    fn a_key_comes_back_from_its_file_and_signs_the_same_public_key() {
        let pem = OwnKey::generate_pem().unwrap();
        let (first, second) = (OwnKey::from_pem(&pem).unwrap(), OwnKey::from_pem(&pem).unwrap());
        assert_eq!(first.0.public_key_raw(), second.0.public_key_raw());
        assert!(OwnKey::from_pem("garbage").is_err());
    }

    #[test]
    fn the_request_is_one_that_the_control_plane_takes() {
        let key = OwnKey::from_pem(&OwnKey::generate_pem().unwrap()).unwrap();
        let request = key.certificate_request().unwrap();
        let csr = runtime::identity::Csr::parse_and_verify(&request).unwrap();
        assert!(csr.public_key().as_der().ends_with(key.0.public_key_raw()));
    }

    #[test]
    fn an_identity_that_was_signed_for_the_key_can_be_shown_and_another_cannot() {
        use runtime::identity::{CertificateAuthority, Csr, LEAF_LIFETIME, Validity};

        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let authority = CertificateAuthority::create("acme", now, LEAF_LIFETIME * 2).unwrap();
        let pem = OwnKey::generate_pem().unwrap();
        let request = OwnKey::from_pem(&pem).unwrap().certificate_request().unwrap();
        let csr = Csr::parse_and_verify(&request).unwrap();
        let spiffe =
            "spiffe://causeway.example/tenants/acme/appConnectors/berlin-1".parse().unwrap();
        let leaf = authority
            .sign_leaf(csr.public_key(), &spiffe, Validity::starting(now, LEAF_LIFETIME))
            .unwrap();
        let mut identity = example();
        identity.certificates.chain = vec![Certificate(leaf.certificate.to_vec())];
        identity.certificates.system_bundle = vec![Certificate(authority.certificate().to_vec())];
        assert_eq!(identity.tls_identity(&pem).unwrap().leaf().spiffe, spiffe);
        assert_eq!(identity.trust().unwrap().system_roots().len(), 1);
        assert!(identity.tls_identity(&OwnKey::generate_pem().unwrap()).is_err());
    }
}
