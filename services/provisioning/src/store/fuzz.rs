//! Any bytes in the place of a stored record, of a key of the store, or of a name that an index row points to.

use std::{fmt::Debug, path::PathBuf, str::FromStr};

use ::store::Key;
use jiff::Timestamp;
use names::{AppConnectorName, EnrolmentName, ProvisioningKeyName};
use resource::{Record, record as stored};
use serde_json::Value;
use trial::fuzz::Verdict;

use super::{keys, parse_name, records, watch::key_name};
use crate::domain::{
    certificate::Revocation, enrolment::Enrolment, key::ProvisioningKey, uses::Uses,
};

/// A day on which half of what is stored has ended.
fn now() -> Timestamp {
    "2026-11-26T12:00:00Z".parse().unwrap()
}

/// What was read is written again as it stood: nothing more, and of each map as many.
fn comes_back(written: &[u8], input: &[u8]) {
    let (written, before) = trial::record::comes_back(written, input, |_| false);
    for map in ["labels", "app_connector_labels"] {
        let size =
            |value: &Value| value.get(map).and_then(Value::as_object).map(serde_json::Map::len);
        assert_eq!(size(&written), size(&before).filter(|_| written.get(map).is_some()), "{map}");
    }
}

/// Every text in a JSON value.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.to_ascii_lowercase()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, found)),
        _ => {}
    }
}

/// The record's value, which comes back whole, or damage told in words.
fn record<R: Record>(input: &[u8]) -> Result<R::Domain, String> {
    let value = stored::decode::<R>(input).map_err(|error| error.to_string());
    match &value {
        Ok(value) => {
            let written = stored::encode::<R>(value).expect("it has a JSON form");
            let again = stored::decode::<R>(&written.bytes).expect("what is written is read");
            let twice = stored::encode::<R>(&again).expect("it has a JSON form");
            assert_eq!(twice, written, "it is written in two ways");
            comes_back(&written.bytes, input);
        }
        Err(problem) => assert!(!problem.is_empty(), "damage without a word"),
    }
    value
}

/// As [`record`], of a value that can be compared.
fn same<R: Record>(input: &[u8]) -> Result<R::Domain, String>
where
    R::Domain: PartialEq + Debug,
{
    let value = record::<R>(input)?;
    let written = stored::encode::<R>(&value).expect("it has a JSON form");
    assert_eq!(stored::decode::<R>(&written.bytes).ok().as_ref(), Some(&value));
    Ok(value)
}

/// Whatever stands in a key's record, it is judged, and each time alike.
fn key(input: &[u8]) -> Result<ProvisioningKey, String> {
    let key = same::<records::StoredKey>(input)?.key;
    let from = "192.0.2.1".parse().unwrap();
    for uses in [Uses::default(), Uses { count: u64::MAX, last: Some(Timestamp::MAX) }] {
        let enrols = key.admits_source(from).and_then(|()| key.admits_newcomer(uses, now()));
        let inside = key.spec.allowed_cidrs.iter().any(|network| network.contains(from));
        let is_active = key.state(uses, now()) == crate::domain::key::KeyState::Active;
        let is_open = key.spec.allowed_cidrs.is_empty() || inside;
        assert_eq!(enrols.is_ok(), is_active && is_open, "{enrols:?}");
        assert!(is_active || key.conditions(uses, now()).is_empty());
    }
    let deleted = key.clone().delete(now(), None);
    assert!(deleted.deleted.is_some_and(|deletion| deletion.purge_time >= now()));
    Ok(key)
}

/// Whatever stands in an enrolment's record, only the moves of the picture are made with it.
fn enrolment(input: &[u8]) -> Result<Enrolment, String> {
    let enrolment = same::<records::StoredEnrolment>(input)?;
    let is_reserved = enrolment.state == crate::domain::enrolment::EnrolmentState::Reserved;
    assert_eq!(enrolment.clone().abandon("GROUP_DISABLED", now()).is_ok(), is_reserved);
    if let Ok(active) = enrolment.clone().activate(None, now()) {
        assert_eq!(active.leaf, enrolment.leaf, "a leaf is lost");
    }
    let key = crate::domain::key::tests::key();
    let _ = enrolment.judge_repeat(&key, Uses::default(), "other", now());
    Ok(enrolment)
}

/// The serial number of a refused leaf is what stands there in hexadecimal, and nothing that was made of something else.
fn revocation(input: &[u8]) -> Result<Revocation, String> {
    let revocation = same::<records::StoredRevocation>(input)?;
    if let Some(leaf) = &revocation.leaf {
        let serial: String = leaf.serial.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut stood = Vec::new();
        texts(&serde_json::from_slice(input).expect("it was read"), &mut stood);
        assert!(stood.contains(&serial), "{serial} is made of {stood:?}");
    }
    Ok(revocation)
}

#[test]
fn any_bytes_are_a_record_that_comes_back_whole_or_damage() {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/golden");
    let words = ["\"v\":\"1\"", "\"is\":\"active\"", "null", "\"leaf\"", "\"with\"", "+1", "0a"];
    let words = words.into_iter().chain(["9999-12-30T22:00:00.999999999Z", "::ffff:10.0.0.0/104"]);
    let words: Vec<&str> = words.collect();
    let target = trial::target!("records").kept_in(&golden).words(&words).costs(2);
    target.run(|input| {
        let mut verdicts = [
            key(input).into(),
            enrolment(input).into(),
            same::<records::StoredUses>(input).into(),
            same::<records::StoredPastKey>(input).into(),
            same::<records::StoredTenant>(input).into(),
            same::<records::StoredPointer>(input).into(),
            same::<records::StoredCounter>(input).into(),
            same::<records::StoredAuthority>(input).into(),
            revocation(input).into(),
            Verdict::from(record::<records::StoredAuthorityKey>(input)),
        ];
        verdicts.sort();
        verdicts[0].clone()
    });
}

#[test]
fn any_bytes_are_the_key_of_a_named_row_or_damage() {
    let name: ProvisioningKeyName = "tenants/acme/provisioningKeys/k".parse().unwrap();
    let target = trial::target!("keys").with(keys::key(&name).as_bytes());
    target.with(keys::uses(&name).as_bytes()).run(|input| {
        let at = Key::from_bytes(input.to_vec());
        let found = key_name(&at);
        match &found {
            Ok(name) => {
                let begins = at.as_bytes().get(1..).unwrap_or_default();
                assert!(begins.starts_with(&keys::key(name).as_bytes()[1..]), "another's row");
            }
            Err(error) => assert!(error.to_string().contains("damaged"), "{error}"),
        }
        found
    });
}

/// The name in an index row; a damaged one is told with the row's place.
fn name<N: FromStr<Err: std::fmt::Display> + std::fmt::Display>(text: &str) -> Verdict {
    let row = keys::sequence(&names::Id::parse("acme").unwrap(), "berlin");
    let found = parse_name::<N>(&row, text);
    match &found {
        Ok(name) => assert_eq!(name.to_string(), text, "it has another spelling"),
        Err(error) => assert!(error.to_string().contains(&format!("{row:?}")), "{error}"),
    }
    found.into()
}

#[test]
fn what_an_index_row_points_to_is_one_name_or_damage() {
    let words = ["tenants/", "/enrolments/", "/appConnectors/", "/provisioningKeys/"];
    trial::target!("pointers").words(&words).run_on_text(|text| {
        let kinds = [
            name::<EnrolmentName>(text),
            name::<ProvisioningKeyName>(text),
            name::<AppConnectorName>(text),
        ];
        let taken = kinds.iter().filter(|verdict| **verdict == Verdict::Taken).count();
        assert!(taken <= 1, "{taken} kinds of name");
        kinds.into_iter().min().expect("there are three")
    });
}
