//! A host that wants to join, without the connector's program.

use proto::provisioning::v1::{EnrollRequest, EnrollResponse, Host};
use rcgen::{CertificateParams, KeyPair};
use rpc::Failure;
use runtime::identity::ServiceIdentity;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::ground::Ground;

/// A key pair and what it asks with.
pub(crate) struct Newcomer {
    pub(crate) key: KeyPair,
    pub(crate) fingerprint: String,
}

impl Newcomer {
    pub(crate) fn new() -> Self {
        Self { key: KeyPair::generate().unwrap(), fingerprint: String::new() }
    }

    pub(crate) fn csr(&self) -> Vec<u8> {
        csr(&self.key)
    }

    pub(crate) fn request(&self, secret: &str) -> EnrollRequest {
        let host = Host {
            fingerprint: self.fingerprint.clone(),
            hostname: "host.example".into(),
            ..Host::default()
        };
        EnrollRequest {
            secret: secret.to_owned(),
            csr: self.csr().into(),
            host: Some(host),
            client_time: None,
            replaces: String::new(),
        }
    }

    pub(crate) async fn enrol(
        &self,
        ground: &Ground,
        secret: &str,
    ) -> Result<EnrollResponse, Failure> {
        ground.enroll(self.request(secret)).await
    }

    /// The reason of the refusal that must come.
    pub(crate) async fn refused(&self, ground: &Ground, secret: &str) -> String {
        self.enrol(ground, secret).await.unwrap_err().reason().to_owned()
    }

    /// The identity that an answer gave it, for mTLS.
    pub(crate) fn identity(&self, answer: &EnrollResponse) -> ServiceIdentity {
        let leaf = answer.certificates.as_ref().unwrap().certificate_chain[0].to_vec();
        identity(&self.key, leaf)
    }
}

pub(crate) fn csr(key: &KeyPair) -> Vec<u8> {
    CertificateParams::default().serialize_request(key).unwrap().der().to_vec()
}

pub(crate) fn identity(key: &KeyPair, leaf: Vec<u8>) -> ServiceIdentity {
    // The key is only read here to prove that it is one.
    assert!(PrivateKeyDer::try_from(key.serialize_der()).is_ok());
    let pem = pem(&CertificateDer::from(leaf));
    ServiceIdentity::from_pem(&pem, &key.serialize_pem()).unwrap()
}

fn pem(der: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
