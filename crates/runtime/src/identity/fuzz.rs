//! Any bytes in the place of a signing request, of a certificate that a peer shows, or of keys and certificates on disk.
//!
//! The kept requests and certificates were made with openssl; their private keys are thrown away, but for what their
//! names say nobody can make others.

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;
use names::{SpiffeId, TenantName, TrustDomain};
use rcgen::KeyPair;
use rustls::{
    pki_types::{CertificateDer, UnixTime},
    server::danger::ClientCertVerifier as _,
};
use trial::fuzz::Verdict;

use super::{
    AUTHORITY_LIFETIME, CertificateAuthority, Csr, IdentityError, LEAF_LIFETIME, MAX_CSR_BYTES,
    PeerVerifier, PublicKey, ServiceIdentity, TrustBundles, Validity, files, read_leaf,
};

fn kept(target: &str, name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(target);
    std::fs::read(folder.join(name)).unwrap()
}

/// A refusal names what was read.
fn told(error: &IdentityError) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.len() <= 1_000, "{} bytes: {text}", text.len());
}

#[test]
fn a_request_proves_one_of_the_keys_that_signed_the_kept_ones_or_is_refused() {
    let keys = ["p256.der", "p256-with-names.der"]
        .map(|name| Csr::parse_and_verify(&kept("csrs", name)).unwrap().public_key().clone());
    trial::target!("csrs").costs(2).run(|input| {
        let request = Csr::parse_and_verify(input);
        match &request {
            Ok(request) => {
                let key = request.public_key();
                assert!(keys.contains(key), "a key that signed nothing is taken for {key:?}");
                assert!(input.len() <= MAX_CSR_BYTES, "{} bytes are read", input.len());
                assert_eq!(PublicKey::from_der(key.as_der()).unwrap(), *key);
                let longer = [input, &[0]].concat();
                assert!(Csr::parse_and_verify(&longer).is_err(), "what follows it is passed over");
                let der = key.as_der();
                assert!(input.windows(der.len()).any(|part| part == der), "it is not in there");
            }
            Err(error) => told(error),
        }
        request
    });
}

fn acme() -> TenantName {
    "tenants/acme".parse().unwrap()
}

/// Whoever the leaf says it is of; a refusal says why.
fn leaf(input: &[u8]) -> Option<SpiffeId> {
    let der = CertificateDer::from(input.to_vec());
    match read_leaf(&der) {
        Ok(content) => {
            assert_eq!(content.spiffe.to_string().parse().as_ref(), Ok(&content.spiffe));
            let serial = &content.serial;
            let stands = input.windows(serial.len().max(1)).any(|part| part == &serial[..]);
            assert!(stands || serial.is_empty(), "{serial:?} is not in there");
            let name = content.spiffe.to_string();
            assert!(input.windows(name.len()).any(|part| part == name.as_bytes()), "{name}");
            Some(content.spiffe)
        }
        Err(error) => {
            told(&error);
            None
        }
    }
}

#[test]
fn only_the_leaf_that_was_signed_for_its_tenant_is_believed() {
    let (root, signed) = (kept("leaves", "root.der"), kept("leaves", "signed.der"));
    let domain = TrustDomain::parse("causeway.test").unwrap();
    let root = CertificateDer::from(root);
    // The root stands for the tenant alone, so a service of its making is nobody.
    let system = CertificateAuthority::create("system", now(), AUTHORITY_LIFETIME).unwrap();
    let bundles = TrustBundles::new(domain, vec![system.certificate().clone()]).unwrap();
    bundles.set_tenant(acme(), vec![root.clone()]).unwrap();
    let verifier = PeerVerifier::new(bundles.clone(), Duration::ZERO);
    let year_2060 = UnixTime::since_unix_epoch(Duration::from_secs(2_840_140_800));
    let for_ever = kept("leaves", "for-ever.der");
    let words = ["spiffe://causeway.test/", "tenants/acme/", "tenants/other/", "\u{2}\u{1}\u{2}"];
    trial::target!("leaves").words(&words).costs(4).run(|input| {
        let named = leaf(input);
        let shown = CertificateDer::from(input.to_vec());
        let believed = verifier.verify_client_cert(&shown, &[], year_2060).is_ok();
        let is_signed = input == signed || input == for_ever;
        assert!(!believed || (is_signed && named.is_some()), "{named:?} was not signed");
        assert!(believed || input != signed, "the signed leaf is refused");
        // As a root it replaces the tenant's, or leaves them as they are.
        let other: TenantName = "tenants/other".parse().unwrap();
        match bundles.set_tenant(other.clone(), vec![shown.clone()]) {
            Ok(()) => assert_eq!(bundles.tenant_roots(&other), [shown]),
            Err(error) => told(&error),
        }
        bundles.set_tenant(other, Vec::new()).unwrap();
        assert_eq!(
            bundles.tenant_roots(&acme()),
            std::slice::from_ref(&root),
            "another tenant's roots changed"
        );
        named
    });
}

fn now() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().unwrap()
}

/// A service's leaf and its key in one text, and an authority's certificate and key in another.
fn pairs() -> [String; 2] {
    let authority = CertificateAuthority::create("system", now(), AUTHORITY_LIFETIME).unwrap();
    let key = KeyPair::generate().unwrap();
    let public = PublicKey::from_der(&rcgen::PublicKeyData::subject_public_key_info(&key)).unwrap();
    let id = "spiffe://causeway.test/services/registry".parse().unwrap();
    let validity = Validity::starting(now(), LEAF_LIFETIME);
    let leaf = authority.sign_service_leaf(&public, &id, &[], validity).unwrap();
    [
        files::certificate_pem(&leaf.certificate) + &key.serialize_pem(),
        authority.certificate_pem() + &authority.key_pem(),
    ]
}

/// A chain is what its certificates are written as.
fn chain(text: &str) {
    match files::parse_chain("the chain", text.as_bytes()) {
        Ok(chain) => {
            assert!(!chain.is_empty(), "nothing is a chain");
            let pem: String = chain.iter().map(files::certificate_pem).collect();
            assert_eq!(files::parse_chain("the chain", pem.as_bytes()).unwrap(), chain);
        }
        Err(error) => assert!(error.to_string().contains("the chain"), "{error}"),
    }
}

/// A refusal repeats no line, since one of them may be the key; nor as the numbers of its bytes.
fn repeats_nothing(error: &IdentityError, text: &str) {
    told(error);
    let error = error.to_string();
    let numbers = |line: &str| format!("{:?}", &line.as_bytes()[..8]).replace(['[', ']'], "");
    for line in text.lines().filter(|line| line.len() >= 32) {
        assert!(!error.contains(line) && !error.contains(&numbers(line)), "repeated: {error}");
    }
}

#[test]
fn a_text_on_disk_is_a_whole_pair_of_certificate_and_key_or_refused() {
    let pairs = pairs();
    let words = ["-----BEGIN CERTIFICATE-----", "-----END PRIVATE KEY-----", "\r\n", "=", "-----"];
    let target = trial::target!("pems").words(&words).costs(4);
    // As it comes out of a variable that lost its line ends.
    let target = target.with(pairs[0].replace('\n', " ")).with(pairs[1].replace('\n', ""));
    pairs.iter().fold(target, |target, pair| target.with(&**pair)).run_on_text(|text| {
        chain(text);
        let identity = ServiceIdentity::from_pem(text, text);
        match &identity {
            Ok(identity) => {
                let leaf = read_leaf(&identity.chain()[0]).unwrap();
                assert_eq!(identity.leaf(), leaf, "it is another's leaf");
                assert!(!format!("{identity:?}").contains("PRIVATE"), "the key is shown");
            }
            Err(error) => repeats_nothing(error, text),
        }
        let authority = CertificateAuthority::load(text, text);
        match &authority {
            Ok(authority) => {
                let again =
                    CertificateAuthority::load(&authority.certificate_pem(), &authority.key_pem());
                assert_eq!(again.unwrap().public_key(), authority.public_key());
            }
            Err(error) => repeats_nothing(error, text),
        }
        match (identity, authority) {
            (Ok(_), _) | (_, Ok(_)) => Verdict::Taken,
            (Err(one), Err(other)) => Verdict::Refused(format!("{one} {other}")),
        }
    });
}
