//! Any bytes in the place of a stored record, or of a group's key.

use std::path::PathBuf;

use jiff::Timestamp;
use names::AppConnectorGroupName;
use serde_json::Value;
use store::Key;
use trial::fuzz::Verdict;

use resource::{RecordError, record};

use super::{
    Kept, Written, keys,
    records::{StoredGroup, StoredTenant},
};
use crate::domain::{
    freeze::{Freeze, MIN_REST},
    pace::{MAX_COUNT, MAX_RETRIES, MAX_SOAK_SECONDS, MaxUnavailable, Pace},
    policy::UpdatePolicy,
    schedule::{NextState, Schedule, next_update},
    zone::Zone,
};

fn berlin() -> AppConnectorGroupName {
    "tenants/acme/appConnectorGroups/berlin".parse().unwrap()
}

/// What was read is written again as it stood.
fn comes_back(written: &[u8], input: &[u8]) {
    trial::record::comes_back(written, input, Value::is_null);
}

/// Whatever is stored, the next window is outside of every freeze and not over yet.
fn next(schedule: &Schedule, freezes: &[Freeze]) {
    let (zone, now): (Zone, Timestamp) =
        ("Europe/Berlin".parse().unwrap(), "2026-11-26T12:00:00Z".parse().unwrap());
    let next = next_update(schedule, &zone, freezes.iter().collect(), true, now);
    let is_frozen = freezes.iter().any(|freeze| freeze.holds_at(now));
    match next.window {
        Some(window) => {
            assert!(window.end > now && window.length() >= MIN_REST, "{window:?}");
            let is_apart =
                |freeze: &Freeze| window.end <= freeze.start || freeze.end <= window.start;
            assert!(freezes.iter().all(is_apart), "{window:?} is in a freeze");
            assert_eq!(next.state == NextState::Frozen, is_frozen);
        }
        None => assert_eq!(next.state, NextState::ScheduleDisabled),
    }
}

fn in_range(pace: Pace) -> bool {
    let share = match pace.max_unavailable {
        MaxUnavailable::Count(count) => (1..=MAX_COUNT).contains(&count),
        MaxUnavailable::Percent(percent) => (1..=100).contains(&percent),
    };
    let canaries = pace.canary.count <= MAX_COUNT && pace.canary.soak_seconds <= MAX_SOAK_SECONDS;
    let failures = (1..=MAX_COUNT).contains(&pace.failure_threshold);
    share && canaries && failures && pace.retry_limit <= MAX_RETRIES
}

fn written<T: Kept + std::fmt::Debug + PartialEq>(input: &[u8]) -> Result<Written<T>, RecordError> {
    let stored = record::decode::<T::Stored>(input)?;
    let written = record::encode::<T::Stored>(&stored)?;
    comes_back(&written, input);
    assert_eq!(record::decode::<T::Stored>(&written)?, stored);
    Ok(stored)
}

fn schedule(input: &[u8]) -> Result<(), RecordError> {
    let stored = written::<Schedule>(input)?.value;
    next(&stored, &[]);
    assert!(in_range(stored.pace), "{:?}", stored.pace);
    Ok(())
}

fn policy(input: &[u8]) -> Result<(), RecordError> {
    let stored = written::<UpdatePolicy>(input)?.value;
    assert!(stored.freezes.iter().all(|freeze| freeze.start < freeze.end));
    next(&Schedule::default(), &stored.freezes);
    Ok(())
}

fn tenant(input: &[u8]) -> Result<(), RecordError> {
    let stored = record::decode::<StoredTenant>(input)?;
    let written = record::encode::<StoredTenant>(&stored)?;
    assert_eq!(record::decode::<StoredTenant>(&written)?, stored);
    Ok(())
}

#[test]
fn any_bytes_are_a_record_that_comes_back_whole_or_damage() {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/golden");
    let words =
        ["\"v\":\"1\"", "\"weekly\":", "\"percent\":", "2026-11-29T02:00:00Z", "null", "127"];
    let target = trial::target!("records").kept_in(&golden).words(&words).costs(4);
    target.run(|input| {
        let group = StoredGroup::read(&berlin(), input);
        if let Ok(group) = &group {
            let written = StoredGroup::write(group).unwrap();
            comes_back(&written, input);
            assert_eq!(&StoredGroup::read(&berlin(), &written).unwrap(), group);
        }
        let mut verdicts: [Verdict; 4] =
            [group.into(), schedule(input).into(), policy(input).into(), tenant(input).into()];
        verdicts.sort();
        verdicts[0].clone()
    });
}

#[test]
fn any_bytes_are_the_key_of_a_named_group_or_damage() {
    trial::target!("keys").with(keys::group(&berlin()).as_bytes()).run(|input| {
        let key = Key::from_bytes(input.to_vec());
        let found = keys::read_group(&key);
        match &found {
            Ok(name) => {
                let begins = key.as_bytes().get(1..).unwrap_or_default();
                assert!(begins.starts_with(&keys::group(name).as_bytes()[1..]), "another's row");
            }
            Err(error) => assert!(error.to_string().contains("names no group"), "{error}"),
        }
        found
    });
}
