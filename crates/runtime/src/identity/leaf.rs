//! Reading certificates: the identity that they name, and the end of their validity.

use jiff::Timestamp;
use names::SpiffeId;
use rustls::pki_types::CertificateDer;
use x509_parser::{
    certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, time::ASN1Time,
};

use super::{IdentityError, PublicKey, key::sha256};

const WHAT: &str = "the certificate";

/// What a leaf states about its holder. It proves nothing until its chain has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafContent {
    /// The identity that it names.
    pub spiffe: SpiffeId,
    /// Serial number, big endian.
    pub serial: Vec<u8>,
    /// Last second of its validity.
    pub not_after: Timestamp,
    /// SHA-256 of the public key's DER form.
    pub public_key_sha256: [u8; 32],
}

/// Reads a leaf without verifying its chain or time.
///
/// # Errors
/// [`IdentityError::Parse`], [`IdentityError::KeyKind`], or [`IdentityError::Name`] unless it carries
/// exactly one URI SAN that is a SPIFFE id of ours.
pub fn read_leaf(der: &CertificateDer<'_>) -> Result<LeafContent, IdentityError> {
    with_certificate(WHAT, der, |certificate| {
        Ok(LeafContent {
            spiffe: spiffe_of(certificate)?,
            serial: certificate.raw_serial().to_vec(),
            not_after: timestamp_of(certificate.validity().not_after)?,
            public_key_sha256: PublicKey::from_info(certificate.public_key())?.sha256(),
        })
    })
}

fn spiffe_of(certificate: &X509Certificate<'_>) -> Result<SpiffeId, IdentityError> {
    let names = certificate
        .subject_alternative_name()
        .map_err(|error| IdentityError::parse(WHAT, error))?
        .map(|extension| extension.value.general_names.as_slice())
        .unwrap_or_default();
    let mut uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    match (uris.next(), uris.next()) {
        (Some(uri), None) => uri.parse().map_err(|error| IdentityError::Name(format!("{error}"))),
        (None, _) => Err(IdentityError::Name("it has no URI SAN".to_owned())),
        (Some(_), Some(_)) => Err(IdentityError::Name("it has several URI SANs".to_owned())),
    }
}

/// Parses and hands a certificate to `read`; its parsed form borrows from the bytes and cannot be returned.
pub(super) fn with_certificate<T>(
    what: &'static str,
    der: &CertificateDer<'_>,
    read: impl FnOnce(&X509Certificate<'_>) -> Result<T, IdentityError>,
) -> Result<T, IdentityError> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|error| IdentityError::parse(what, error))?;
    if !rest.is_empty() {
        return Err(IdentityError::parse(what, "bytes follow it"));
    }
    read(&certificate)
}

/// SHA-256 of a certificate's public key, in its DER form.
pub(super) fn spki_sha256(certificate: &CertificateDer<'_>) -> Result<[u8; 32], IdentityError> {
    with_certificate("a certificate", certificate, |certificate| {
        Ok(sha256(certificate.public_key().raw))
    })
}

pub(super) fn timestamp_of(time: ASN1Time) -> Result<Timestamp, IdentityError> {
    Timestamp::from_second(time.timestamp())
        .map_err(|error| IdentityError::parse("a certificate's time", error))
}
