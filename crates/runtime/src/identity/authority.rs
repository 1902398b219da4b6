//! Certificate authorities: the system's and the tenants'.
//!
//! Owns: making an authority, and signing leaves with it.
//! Always holds: everything in a leaf but the public key is chosen here; a leaf ends with its authority at the
//! latest; serials are 16 random bytes, positive.
//! Absent on purpose: intermediates. One level keeps every chain at two certificates, and a tenant's authority
//! can be replaced by adding the new root to the bundle before the old one leaves it.
//!
//! ## Design notes
//! Leaves start five minutes in the past, because connectors' clocks are late more often than not; an authority
//! starts an hour in the past for the same reason.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use names::SpiffeId;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::pki_types::CertificateDer;

use super::{
    IdentityError, PublicKey,
    leaf::{timestamp_of, with_certificate},
};

/// How long a leaf is valid: a connector renews from two thirds on, and so lives 56 hours without
/// provisioning.
pub const LEAF_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long an authority is valid: longer than any installation goes without maintenance.
pub const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How far in the past a leaf begins, for clocks that are late.
const LEAF_BACKDATING: SignedDuration = SignedDuration::from_mins(5);

/// How far in the past an authority begins: more than its leaves.
const AUTHORITY_BACKDATING: SignedDuration = SignedDuration::from_hours(1);

/// Random bytes in a serial number (RFC 5280 allows 20; 16 never collide).
const SERIAL_BYTES: usize = 16;

/// From when to when a leaf is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub start: Timestamp,
    /// Last second.
    pub end: Timestamp,
}

impl Validity {
    /// From five minutes before `now` to `lifetime` after it.
    #[must_use]
    pub fn starting(now: Timestamp, lifetime: Duration) -> Self {
        Self::backdated(now, LEAF_BACKDATING, lifetime)
    }

    fn backdated(now: Timestamp, backdating: SignedDuration, lifetime: Duration) -> Self {
        let start = now.checked_sub(backdating).unwrap_or(Timestamp::MIN);
        Self { start, end: crate::clock::later(now, lifetime) }
    }
}

/// A signed leaf.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its serial number, big endian.
    pub serial: Vec<u8>,
    /// From when to when it is valid; the end may lie before the one asked for.
    pub validity: Validity,
}

/// A key that signs leaves, and its self-signed certificate.
pub struct CertificateAuthority {
    certificate: CertificateDer<'static>,
    public_key: PublicKey,
    validity: Validity,
    issuer: Issuer<'static, KeyPair>,
}

impl CertificateAuthority {
    /// Makes a new key and certificate; `name` is shown as the common name and decides nothing.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`] if the system gives no randomness or `now` is before 1970.
    pub fn create(name: &str, now: Timestamp, lifetime: Duration) -> Result<Self, IdentityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        set_validity(&mut params, Validity::backdated(now, AUTHORITY_BACKDATING, lifetime))?;
        params.serial_number = Some(SerialNumber::from(random_serial()?));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Self::assemble(certificate.der().clone(), key)
    }

    /// Takes an authority back from its two PEM texts.
    ///
    /// # Errors
    /// [`IdentityError::Parse`], [`IdentityError::KeyKind`] or [`IdentityError::KeyMismatch`].
    pub fn load(certificate_pem: &str, key_pem: &str) -> Result<Self, IdentityError> {
        const WHAT: &str = "the certificate of the authority";
        let mut chain = super::files::parse_chain(WHAT, certificate_pem.as_bytes())?;
        const KEY: &str = "the key of the authority";
        // Not the reader of rcgen, whose errors repeat a line of the key.
        let key = super::files::parse_key(KEY, key_pem.as_bytes())?;
        let key = KeyPair::try_from(&key).map_err(|error| IdentityError::parse(KEY, error))?;
        Self::assemble(chain.swap_remove(0), key)
    }

    fn assemble(certificate: CertificateDer<'static>, key: KeyPair) -> Result<Self, IdentityError> {
        const WHAT: &str = "the certificate of the authority";
        let (public_key, validity) = with_certificate(WHAT, &certificate, |parsed| {
            if !parsed.is_ca() {
                return Err(IdentityError::parse(WHAT, "it is not an authority's"));
            }
            let validity = Validity {
                start: timestamp_of(parsed.validity().not_before)?,
                end: timestamp_of(parsed.validity().not_after)?,
            };
            Ok((PublicKey::from_info(parsed.public_key())?, validity))
        })?;
        if rcgen::PublicKeyData::subject_public_key_info(&key) != public_key.as_der() {
            return Err(IdentityError::KeyMismatch);
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self { certificate, public_key, validity, issuer })
    }

    /// Signs a leaf for a connector: it may only be a client.
    ///
    /// # Errors
    /// [`IdentityError::AuthorityExpired`] when the authority is not valid at the leaf's time.
    pub fn sign_leaf(
        &self,
        key: &PublicKey,
        identity: &SpiffeId,
        validity: Validity,
    ) -> Result<Leaf, IdentityError> {
        let usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(key, identity, Vec::new(), usages, validity)
    }

    /// Signs a leaf for a service: client and server, with the host names it is reached by.
    ///
    /// # Errors
    /// As [`CertificateAuthority::sign_leaf`], and [`IdentityError::Name`] for a name that is no host name.
    pub fn sign_service_leaf(
        &self,
        key: &PublicKey,
        identity: &SpiffeId,
        host_names: &[String],
        validity: Validity,
    ) -> Result<Leaf, IdentityError> {
        let hosts = CertificateParams::new(host_names)
            .map_err(|error| IdentityError::Name(error.to_string()))?
            .subject_alt_names;
        let usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(key, identity, hosts, usages, validity)
    }

    fn sign(
        &self,
        key: &PublicKey,
        identity: &SpiffeId,
        hosts: Vec<SanType>,
        usages: Vec<ExtendedKeyUsagePurpose>,
        asked: Validity,
    ) -> Result<Leaf, IdentityError> {
        let validity = self.within_own(asked)?;
        let serial = random_serial()?;
        let identity = identity.to_string();
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(&identity);
        params.subject_alt_names = hosts;
        params.subject_alt_names.push(SanType::URI(identity.as_str().try_into()?));
        params.serial_number = Some(SerialNumber::from(serial.clone()));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages;
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, validity)?;
        let key = SubjectPublicKeyInfo::from_der(key.as_der())?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf { certificate: certificate.der().clone(), serial, validity })
    }

    /// No leaf outlives its authority, and none is signed by one that is not valid.
    fn within_own(&self, asked: Validity) -> Result<Validity, IdentityError> {
        let end = asked.end.min(self.validity.end);
        let start = asked.start.max(self.validity.start);
        if end <= start {
            let Validity { start, end } = self.validity;
            return Err(IdentityError::AuthorityExpired { start, end, now: asked.start });
        }
        Ok(Validity { start, end })
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The certificate as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        super::files::certificate_pem(&self.certificate)
    }

    /// The private key as PKCS #8 PEM. A secret: it goes to a 0600 file or into the store, never to a log.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// The public key; its SHA-256 is what join tokens pin.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// From when to when the authority is valid.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }
}

impl std::fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateAuthority")
            .field("public_key", &self.public_key)
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}

fn common_name(name: &str) -> DistinguishedName {
    // RFC 5280 bounds a common name at 64 characters; ours only labels, so it is cut.
    const MAX_COMMON_NAME: usize = 64;
    let mut distinguished = DistinguishedName::new();
    let name: String = name.chars().take(MAX_COMMON_NAME).collect();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn random_serial() -> Result<Vec<u8>, IdentityError> {
    let mut serial = vec![0; SERIAL_BYTES];
    SystemRandom::new()
        .fill(&mut serial)
        .map_err(|_| IdentityError::Crypto("the system gives no random bytes".to_owned()))?;
    // Positive and without a leading zero, so that the bytes here are the bytes in the certificate.
    serial[0] = (serial[0] & 0x7f) | 0x40;
    Ok(serial)
}

fn set_validity(params: &mut CertificateParams, validity: Validity) -> Result<(), IdentityError> {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let instant = |time: Timestamp| {
        let seconds = u64::try_from(time.as_second())
            .map_err(|_| IdentityError::Crypto(format!("{time} is before 1970")))?;
        Ok::<_, IdentityError>(epoch + Duration::from_secs(seconds))
    };
    params.not_before = instant(validity.start)?;
    params.not_after = instant(validity.end)?;
    Ok(())
}
