//! Public keys: P-256 and nothing else.
//!
//! ## Design notes
//! One curve keeps every peer's cost the same (a P-384 or RSA-4096 leaf would make handshakes many times
//! dearer at the caller's choice) and is in every TLS library, FIPS ones included.

use ring::digest::{SHA256, digest};
use x509_parser::{oid_registry::asn1_rs::oid, x509::SubjectPublicKeyInfo};

use super::IdentityError;

/// Length of an uncompressed P-256 point: one form byte and two coordinates of 32 bytes.
const POINT_LEN: usize = 65;

/// A P-256 public key, as its DER `SubjectPublicKeyInfo`.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
}

impl PublicKey {
    /// Takes the key out of a parsed certificate or request.
    ///
    /// # Errors
    /// [`IdentityError::KeyKind`] for any key that is not on P-256.
    pub(super) fn from_info(info: &SubjectPublicKeyInfo<'_>) -> Result<Self, IdentityError> {
        let ec = oid!(1.2.840.10045.2.1);
        let p256 = oid!(1.2.840.10045.3.1.7);
        let curve = info.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok());
        let point = &info.subject_public_key.data;
        let uncompressed = point.len() == POINT_LEN && point.first() == Some(&4);
        if info.algorithm.algorithm != ec || curve != Some(p256) || !uncompressed {
            return Err(IdentityError::KeyKind);
        }
        Ok(Self { spki: info.raw.to_vec() })
    }

    /// Parses a DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`IdentityError::Parse`], or [`IdentityError::KeyKind`] for a key that is not on P-256.
    pub fn from_der(spki: &[u8]) -> Result<Self, IdentityError> {
        use x509_parser::prelude::FromDer as _;
        let (rest, info) = SubjectPublicKeyInfo::from_der(spki)
            .map_err(|error| IdentityError::parse("the public key", error))?;
        if !rest.is_empty() {
            return Err(IdentityError::parse("the public key", "bytes follow it"));
        }
        Self::from_info(&info)
    }

    /// The DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the DER form: what pins and records compare.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.spki)
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PublicKey(sha256 ")?;
        self.sha256().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
