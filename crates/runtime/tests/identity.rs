//! Authorities, leaves and the system's PKI on disk.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::{collections::HashSet, fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp};
use names::{SpiffeId, TrustDomain};
use runtime::identity::{
    AUTHORITY_LIFETIME, CertificateAuthority, IdentityError, LEAF_LIFETIME, PublicKey, SERVICES,
    SystemPki, Validity, read_leaf,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const BERLIN: &str = "spiffe://test.example/tenants/acme/appConnectors/berlin-1";

fn now() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn authority(lifetime: Duration) -> CertificateAuthority {
    CertificateAuthority::create("acme", now(), lifetime).unwrap()
}

fn key() -> PublicKey {
    let key = rcgen::KeyPair::generate().unwrap();
    PublicKey::from_der(&rcgen::PublicKeyData::subject_public_key_info(&key)).unwrap()
}

fn berlin() -> SpiffeId {
    BERLIN.parse().unwrap()
}

#[test]
fn a_connectors_leaf_says_who_it_is_and_may_only_be_a_client() {
    let (ca, key) = (authority(AUTHORITY_LIFETIME), key());
    let validity = Validity::starting(now(), LEAF_LIFETIME);
    let leaf = ca.sign_leaf(&key, &berlin(), validity).unwrap();
    let content = read_leaf(&leaf.certificate).unwrap();
    assert_eq!(content.spiffe, berlin());
    assert_eq!(content.serial, leaf.serial);
    assert_eq!(content.not_after, now() + DAY * 7);
    assert_eq!(content.public_key_sha256, key.sha256());

    let (_, parsed) = X509Certificate::from_der(&leaf.certificate).unwrap();
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any);
    assert!(!parsed.is_ca());
    let start = parsed.validity().not_before.timestamp();
    assert_eq!(start, now().as_second() - 300, "five minutes for late clocks");
    let names = &parsed.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert!(matches!(names.as_slice(), [GeneralName::URI(uri)] if *uri == BERLIN), "{names:?}");
    parsed.verify_signature(Some(ca_certificate(&ca).public_key())).unwrap();
}

fn ca_certificate(ca: &CertificateAuthority) -> X509Certificate<'_> {
    X509Certificate::from_der(ca.certificate()).unwrap().1
}

#[test]
fn serials_are_16_positive_bytes_and_never_the_same() {
    let (ca, key) = (authority(AUTHORITY_LIFETIME), key());
    let mut seen = HashSet::new();
    for _ in 0..50 {
        let validity = Validity::starting(now(), LEAF_LIFETIME);
        let leaf = ca.sign_leaf(&key, &berlin(), validity).unwrap();
        assert_eq!(leaf.serial.len(), 16);
        assert!(leaf.serial[0] < 0x80, "positive");
        assert!(seen.insert(leaf.serial));
    }
}

#[test]
fn a_leaf_ends_with_its_authority_and_an_ended_authority_signs_nothing() {
    let (ca, key) = (authority(Duration::from_secs(3 * 24 * 3600)), key());
    let signed = ca.sign_leaf(&key, &berlin(), Validity::starting(now(), LEAF_LIFETIME));
    assert_eq!(signed.unwrap().validity.end, now() + DAY * 3);
    let late = Validity::starting(now() + DAY * 4, LEAF_LIFETIME);
    let error = ca.sign_leaf(&key, &berlin(), late).unwrap_err();
    assert!(matches!(error, IdentityError::AuthorityExpired { .. }), "{error}");
}

#[test]
fn an_authority_comes_back_from_its_pem_and_not_with_anothers_key() {
    let (ca, other) = (authority(AUTHORITY_LIFETIME), authority(AUTHORITY_LIFETIME));
    let back = CertificateAuthority::load(&ca.certificate_pem(), &ca.key_pem()).unwrap();
    assert_eq!(back.certificate(), ca.certificate());
    assert_eq!(back.public_key().sha256(), ca.public_key().sha256());
    let validity = Validity::starting(now(), LEAF_LIFETIME);
    let leaf = back.sign_leaf(&key(), &berlin(), validity).unwrap();
    let (_, parsed) = X509Certificate::from_der(&leaf.certificate).unwrap();
    parsed.verify_signature(Some(ca_certificate(&ca).public_key())).unwrap();
    let error = CertificateAuthority::load(&ca.certificate_pem(), &other.key_pem()).unwrap_err();
    assert!(matches!(error, IdentityError::KeyMismatch), "{error}");
    let secret = ca.key_pem();
    let debug = format!("{ca:?}");
    assert!(!secret.lines().any(|line| debug.contains(line)), "no key in {debug}");
}

fn init(directory: &Path) -> Result<SystemPki, IdentityError> {
    let domain = TrustDomain::parse("test.example").unwrap();
    SystemPki::init(directory, &domain, &["causeway.example".to_owned()], now())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_pki_has_a_pair_per_service_that_only_its_owner_reads() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("deep/pki");
    let pki = init(&directory).unwrap();
    assert_eq!(mode(&directory), 0o700);
    let files: Vec<_> =
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2 + 2 * SERVICES.len(), "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{file:?}");
    }
    assert!(fs::read_to_string(directory.join("paths.key")).unwrap().contains("BEGIN PRIVATE KEY"));
    for service in SERVICES {
        let identity = pki.identity(service).unwrap();
        let name = format!("spiffe://test.example/services/{service}");
        assert_eq!(identity.leaf().spiffe.to_string(), name);
        assert_eq!(identity.chain().len(), 2, "leaf, then root");
        assert_eq!(identity.chain()[1..], pki.roots().unwrap());
        let chain = identity.chain();
        let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
        let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
        for host in ["localhost", service, "causeway.example"] {
            assert!(names.contains(&GeneralName::DNSName(host)), "{host} is not in {names:?}");
        }
        assert!(names.contains(&GeneralName::IPAddress(&[127, 0, 0, 1])), "{names:?}");
    }
}

#[test]
fn an_existing_pki_is_never_overwritten() {
    let root = tempfile::tempdir().unwrap();
    init(root.path()).unwrap();
    let before = fs::read(root.path().join("ca.key")).unwrap();
    let error = init(root.path()).unwrap_err();
    assert!(matches!(error, IdentityError::Exists(_)), "{error}");
    assert_eq!(fs::read(root.path().join("ca.key")).unwrap(), before);
}

#[test]
fn leaves_are_renewed_in_their_last_third_and_when_a_crash_has_split_a_pair() {
    let root = tempfile::tempdir().unwrap();
    let pki = init(root.path()).unwrap();
    assert!(pki.renew(&[], now() + DAY * 59).unwrap().is_empty());
    // The key of a renewal without its certificate.
    fs::copy(root.path().join("paths.key"), root.path().join("updates.key")).unwrap();
    assert!(matches!(pki.identity("updates"), Err(IdentityError::KeyMismatch)));
    assert_eq!(pki.renew(&[], now()).unwrap(), ["updates"]);
    pki.identity("updates").unwrap();
    let renewed = pki.renew(&[], now() + DAY * 61).unwrap();
    assert_eq!(renewed, SERVICES);
    let leaf = pki.identity("paths").unwrap().leaf();
    assert_eq!(leaf.not_after, now() + DAY * 151);
}

#[test]
fn a_services_files_cannot_pass_for_another_services() {
    let root = tempfile::tempdir().unwrap();
    let pki = init(root.path()).unwrap();
    for extension in ["pem", "key"] {
        let file = |name: &str| root.path().join(name).with_extension(extension);
        fs::copy(file("paths"), file("registry")).unwrap();
    }
    let error = pki.identity("registry").unwrap_err();
    assert!(error.to_string().contains("expected service `registry`"), "{error}");
}
