//! Every record version that was ever written decodes for ever, and the newest is written as it was.

use std::{fs, path::PathBuf};

use resource::record;

use super::*;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/golden").join(name)
}

fn read(name: &str) -> Vec<u8> {
    fs::read(golden(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn stands<R: Record>(name: &str, newest: bool) -> R::Domain {
    record::golden::<R>(&read(name), newest).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn objects_of_their_newest_version_decode_and_are_still_written_so() {
    stands::<<TenantSpec as Kept>::Stored>("tenant.v1.json", true);
    stands::<StoredGroup>("app_connector_group.v2.json", true);
    stands::<StoredGroup>("app_connector_group.deleted.v2.json", true);
    stands::<<ConnectorSpec as Kept>::Stored>("app_connector.v1.json", true);
    stands::<<ServerGroupSpec as Kept>::Stored>("server_group.v1.json", true);
    stands::<<SegmentSpec as Kept>::Stored>("application_segment.v1.json", true);
    stands::<<ClientNetworkSpec as Kept>::Stored>("client_network.v1.json", true);
}

#[test]
fn an_old_group_is_the_same_group_in_its_new_version() {
    let old = stands::<StoredGroup>("app_connector_group.v1.json", false);
    assert_eq!(old, stands::<StoredGroup>("app_connector_group.v2.json", true));
    let old = stands::<StoredGroup>("app_connector_group.deleted.v1.json", false);
    assert_eq!(old, stands::<StoredGroup>("app_connector_group.deleted.v2.json", true));
}

#[test]
fn small_records_decode_and_are_still_written_so() {
    let registered = stands::<AsWritten<Registration>>("registration.registered.v1.json", true);
    assert!(matches!(registered, Registration::Registered { .. }));
    let abandoned = stands::<AsWritten<Registration>>("registration.abandoned.v1.json", true);
    assert_eq!(abandoned, Registration::Abandoned);
    stands::<AsWritten<KeyOwner>>("public_key.v1.json", true);
    let cause = stands::<AsWritten<Cause>>("sweep.v1.json", true);
    assert_eq!(cause.request_id, "r-1");
}

#[test]
fn every_golden_file_is_tested() {
    let tested = include_str!("golden_tests.rs");
    for entry in fs::read_dir(golden("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(tested.contains(&format!("\"{name}\"")), "{name} is in no test");
    }
}

#[test]
fn a_record_of_a_newer_version_is_refused_and_not_guessed() {
    let text = String::from_utf8(read("tenant.v1.json")).unwrap();
    let newer = text.replace(r#""v": "1""#, r#""v": "2""#);
    assert_ne!(newer, text);
    assert!(record::decode::<<TenantSpec as Kept>::Stored>(newer.as_bytes()).is_err());
}
