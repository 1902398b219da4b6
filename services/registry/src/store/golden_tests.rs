//! Every record version that was ever written decodes for ever, and the newest is written as it was.
//!

use std::{fs, path::PathBuf};

use super::*;
use crate::domain::{ConnectorSpec, GroupSpec, SegmentSpec, ServerGroupSpec, TenantSpec};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/golden").join(name)
}

fn read(name: &str) -> Vec<u8> {
    fs::read(golden(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn object_stands<S: Spec>(name: &str) {
    let bytes = read(name);
    let resource = decode::<S>(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    let again: serde_json::Value = serde_json::from_slice(&encode(&resource).unwrap()).unwrap();
    let stored: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(again, stored, "{name} is written otherwise now: it needs a new version");
}

#[test]
fn objects_of_version_1_decode_and_are_still_written_so() {
    object_stands::<TenantSpec>("tenant.v1.json");
    object_stands::<GroupSpec>("app_connector_group.v1.json");
    object_stands::<GroupSpec>("app_connector_group.deleted.v1.json");
    object_stands::<ConnectorSpec>("app_connector.v1.json");
    object_stands::<ServerGroupSpec>("server_group.v1.json");
    object_stands::<SegmentSpec>("application_segment.v1.json");
}

#[test]
fn small_records_of_version_1_decode_and_are_still_written_so() {
    let registered: Registration = decode_small(&read("registration.registered.v1.json")).unwrap();
    assert!(matches!(registered, Registration::Registered { .. }));
    assert_eq!(
        encode_small(&registered).unwrap(),
        read("registration.registered.v1.json").trim_ascii()
    );
    let abandoned: Registration = decode_small(&read("registration.abandoned.v1.json")).unwrap();
    assert_eq!(abandoned, Registration::Abandoned);
    assert_eq!(
        encode_small(&abandoned).unwrap(),
        read("registration.abandoned.v1.json").trim_ascii()
    );
    let owner: KeyOwner = decode_small(&read("public_key.v1.json")).unwrap();
    assert_eq!(encode_small(&owner).unwrap(), read("public_key.v1.json").trim_ascii());
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
    let newer =
        String::from_utf8(read("tenant.v1.json")).unwrap().replace(r#""v": "1""#, r#""v": "2""#);
    assert!(newer.contains(r#""v": "2""#));
    assert!(decode::<TenantSpec>(newer.as_bytes()).is_err());
}
