//! Every version ever written decodes for ever: one file per version in `store/golden/`.

use std::{fmt::Debug, fs, path::PathBuf};

use resource::record;

use super::*;
use crate::domain::{
    certificate::{Authority, CaCertificate, LeafRecord, Revocation, RevocationReason},
    enrolment::{EnrolmentState, tests::enrolment},
    key::tests::{at, key},
    secret::SecretHash,
    text::Labels,
    uses::Uses,
};

/// The file decodes to `value`, and `value` is written as the file. With `REGENERATE_GOLDEN=1` a missing file is made.
fn golden<R: Record>(name: &str, value: &R::Domain)
where
    R::Domain: PartialEq + Debug,
{
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/golden").join(name);
    let written = String::from_utf8(record::encode::<R>(value).unwrap().bytes.to_vec()).unwrap();
    if !path.exists() && std::env::var_os("REGENERATE_GOLDEN").is_some() {
        fs::write(&path, format!("{written}\n")).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert_eq!(&record::decode::<R>(kept.as_bytes()).unwrap(), value, "{name}");
    assert_eq!(written, kept.trim_end(), "{name}");
}

fn labels() -> Labels {
    Labels::parse([("site".to_owned(), "b1".to_owned())]).unwrap()
}

fn leaf() -> LeafRecord {
    LeafRecord { serial: vec![1, 2, 255], not_after: at(604_800) }
}

#[test]
fn keys_of_version_1_decode() {
    let secret = SecretHash([1; 32]);
    golden::<StoredKey>("key-v1-small.json", &KeptKey { key: key(), secret });
    let mut full = key();
    full.spec.expire_time = Some(at(1_000));
    full.spec.allowed_cidrs = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    full.spec.labels = labels();
    full.spec.connector_labels = labels();
    let group = full.spec.group.clone();
    let deleted = full.delete(at(5), Some(group));
    golden::<StoredPastKey>("past-key-v1-deleted.json", &deleted);
    golden::<StoredKey>("key-v1-deleted.json", &KeptKey { key: deleted, secret });
    golden::<StoredPastKey>("past-key-v1-small.json", &key());
}

#[test]
fn use_counts_counters_and_pointers_of_version_1_decode() {
    golden::<StoredUses>("uses-v1.json", &Uses { count: 2, last: Some(at(9)) });
    golden::<StoredCounter>("counter-v1.json", &7);
    golden::<StoredPointer>("pointer-v1.json", &"tenants/acme/enrolments/e1".to_owned());
    golden::<StoredTenant>("tenant-v1.json", &uuid::Uuid::from_u128(5));
}

#[test]
fn enrolments_of_version_1_decode() {
    let reserved = enrolment();
    golden::<StoredEnrolment>("enrolment-v1-reserved.json", &reserved);
    let active = reserved.clone().activate(Some(leaf()), at(3)).unwrap();
    golden::<StoredEnrolment>("enrolment-v1-active.json", &active);
    let revoked = active.revoke(RevocationReason::AppConnectorDeleted, at(4)).unwrap();
    golden::<StoredEnrolment>("enrolment-v1-revoked.json", &revoked);
    let mut abandoned = reserved.abandon("GROUP_DISABLED", at(5)).unwrap();
    abandoned.connector_labels = labels();
    assert!(matches!(abandoned.state, EnrolmentState::Abandoned { .. }));
    golden::<StoredEnrolment>("enrolment-v1-abandoned.json", &abandoned);
}

#[test]
fn authorities_and_revocations_of_version_1_decode() {
    let certificate = CaCertificate {
        der: vec![48, 1, 0],
        public_key_sha256: [3; 32],
        not_before: at(0),
        not_after: at(9),
    };
    let authority = Authority {
        tenant: "tenants/acme".parse().unwrap(),
        certificates: vec![certificate],
        create_time: at(1),
        update_time: at(2),
    };
    golden::<StoredAuthority>("authority-v1.json", &authority);
    let revocation = Revocation {
        connector: "tenants/acme/appConnectors/berlin-1".parse().unwrap(),
        reason: RevocationReason::EnrolmentRevoked,
        revoke_time: at(1),
        expire_time: at(2),
        leaf: Some(leaf()),
    };
    golden::<StoredRevocation>("revocation-v1.json", &revocation);
}

#[test]
fn the_record_of_an_authoritys_key_decodes() {
    let text = br#"{"v":"1","certificate_pem":"c","key_pem":"k"}"#;
    let pem = record::decode::<StoredAuthorityKey>(text).unwrap();
    assert_eq!((pem.certificate.as_str(), pem.key.as_str()), ("c", "k"));
    assert_eq!(record::encode::<StoredAuthorityKey>(&pem).unwrap().bytes, text[..]);
}

#[test]
fn a_damaged_record_is_told_and_not_repaired() {
    for bad in ["", "{}", r#"{"v":"2"}"#, r#"{"v":"1","count":-1}"#] {
        assert!(record::decode::<StoredUses>(bad.as_bytes()).is_err(), "{bad}");
    }
    let kept = KeptKey { key: key(), secret: SecretHash([1; 32]) };
    let written =
        String::from_utf8(record::encode::<StoredKey>(&kept).unwrap().bytes.to_vec()).unwrap();
    let short_hash = written.replacen("0101", "", 1);
    assert!(record::decode::<StoredKey>(short_hash.as_bytes()).is_err());
}

#[test]
fn history_reads_every_version_of_a_keys_own_record_and_writes_no_hash() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/golden");
    let mut read = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_str().unwrap().starts_with("key-v") {
            continue;
        }
        let bytes = fs::read(path).unwrap();
        let kept = record::decode::<StoredKey>(&bytes).unwrap();
        let past = record::decode::<StoredPastKey>(&bytes).unwrap();
        assert_eq!(past, kept.key);
        let remembered = record::encode::<StoredPastKey>(&past).unwrap();
        let remembered = String::from_utf8(remembered.bytes.to_vec()).unwrap();
        assert!(!remembered.contains("secret") && !remembered.contains("0101"), "{remembered}");
        read += 1;
    }
    assert!(read >= 2, "the golden files are found");
}
