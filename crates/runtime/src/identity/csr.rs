//! Certificate signing requests.
//!
//! Owns: taking the public key out of a request, and nothing else.
//! Always holds: the requester has the private key (the request is signed by it).
//! Absent on purpose: subject, SANs, usages and extensions of the request. The signer decides those; a
//! requester that could choose them would choose its identity.

use x509_parser::{certification_request::X509CertificationRequest, prelude::FromDer};

use super::{IdentityError, PublicKey};

/// Longest request that is parsed, in bytes. A P-256 request is about 300.
pub const MAX_CSR_BYTES: usize = 4096;

/// A verified request: proof that someone holds the private key of [`Csr::public_key`].
#[derive(Clone, Debug)]
pub struct Csr {
    public_key: PublicKey,
}

impl Csr {
    /// Parses a DER request (PKCS #10) and checks its signature.
    ///
    /// # Errors
    /// [`IdentityError::Parse`], [`IdentityError::KeyKind`] or [`IdentityError::RequestSignature`].
    pub fn parse_and_verify(der: &[u8]) -> Result<Self, IdentityError> {
        const WHAT: &str = "the certificate signing request";
        if der.len() > MAX_CSR_BYTES {
            return Err(IdentityError::parse(WHAT, format!("longer than {MAX_CSR_BYTES} bytes")));
        }
        let (rest, request) = X509CertificationRequest::from_der(der)
            .map_err(|error| IdentityError::parse(WHAT, error))?;
        if !rest.is_empty() {
            return Err(IdentityError::parse(WHAT, "bytes follow it"));
        }
        // The kind of key first: checking a signature of an unwanted kind is work for nothing.
        let public_key = PublicKey::from_info(&request.certification_request_info.subject_pki)?;
        request.verify_signature().map_err(|_| IdentityError::RequestSignature)?;
        Ok(Self { public_key })
    }

    /// The requester's key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    use super::*;

    fn request(key: &KeyPair) -> Vec<u8> {
        let params = CertificateParams::new(vec!["evil.example".to_owned()]).unwrap();
        params.serialize_request(key).unwrap().der().to_vec()
    }

    #[test]
    fn a_request_yields_its_key_and_nothing_it_asks_for() {
        let key = KeyPair::generate().unwrap();
        let csr = Csr::parse_and_verify(&request(&key)).unwrap();
        assert_eq!(csr.public_key().as_der(), rcgen::PublicKeyData::subject_public_key_info(&key));
    }

    #[test]
    fn other_kinds_of_key_are_refused() {
        for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let error = Csr::parse_and_verify(&request(&key)).unwrap_err();
            assert!(matches!(error, IdentityError::KeyKind), "{error}");
        }
    }

    #[test]
    fn no_changed_byte_yields_another_key_and_no_cut_request_passes() {
        let key = KeyPair::generate().unwrap();
        let good = request(&key);
        let honest = Csr::parse_and_verify(&good).unwrap().public_key;
        let mut refused = 0;
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            match Csr::parse_and_verify(&bad) {
                Ok(csr) => assert_eq!(csr.public_key, honest, "byte {at} changes the key"),
                Err(_) => refused += 1,
            }
            assert!(Csr::parse_and_verify(&good[..at]).is_err(), "cut at {at}");
        }
        // A few bytes of the outer encoding, which nothing signs, may differ.
        assert!(refused > good.len() * 9 / 10, "only {refused} of {} were refused", good.len());
        let mut long = good;
        long.resize(MAX_CSR_BYTES + 1, 0);
        assert!(Csr::parse_and_verify(&long).is_err());
    }
}
