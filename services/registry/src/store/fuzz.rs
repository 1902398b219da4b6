//! Any bytes in the place of a stored record, or of a key of the store.

use std::path::PathBuf;

use jiff::Timestamp;
use names::{AppConnectorGroupName, BelowTenant as _};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use store::Key;
use trial::fuzz::Verdict;

use resource::{
    Record, RecordError,
    record::{decode, encode},
};

use super::{
    AsWritten, Kept, KeyOwner, Place, Registration, kind_of, read_guard, read_object, read_sweep,
    sweep,
};
use crate::domain::{
    ConnectorSpec, GroupSpec, Kind, Rules, SegmentSpec, ServerGroupSpec, Spec as _, Subject,
    TargetIndex, TenantSpec, Violations,
};

/// What is read is what is written again. What an older version did not have may come in.
fn comes_back(written: &[u8], input: &[u8]) {
    let (written, before) = trial::record::comes_back(written, input, |_| true);
    let labels = |value: &Value| value.pointer("/spec/labels").and_then(Value::as_object).cloned();
    assert_eq!(labels(&written), labels(&before).filter(|_| written.get("spec").is_some()));
}

fn told(error: &RecordError) {
    assert!(error.to_string().starts_with("a record does not decode: "), "{error}");
}

/// The object comes back whole, and every rule can be asked about it, also one that it breaks.
fn object<S: Kept>(input: &[u8]) -> Verdict {
    let found = decode::<S::Stored>(input);
    match &found {
        Ok(object) => {
            let written = encode::<S::Stored>(object).unwrap();
            assert_eq!(&decode::<S::Stored>(&written).expect("what is written is read"), object);
            comes_back(&written, input);
            let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
            assert!(object.meta.deleted(now).purge_time >= object.meta.deleted(now).delete_time);
            let rules = Rules::default();
            let (tenant, spec) = (object.name.tenant(), &object.spec);
            let again = |spec: &S, problems: &mut Violations| {
                let subject =
                    Subject { tenant: Some(&tenant), previous: Some(spec), rules: &rules };
                S::check(&spec.draft(), &subject, problems).filter(|_| problems.is_empty())
            };
            let mut problems = Violations::new();
            match again(spec, &mut problems) {
                Some(kept) => assert_eq!(again(&kept, &mut problems).as_ref(), Some(&kept)),
                None => assert!(!problems.is_empty(), "refused without a word"),
            }
            assert!(!spec.withdraws(spec), "nothing was taken away");
        }
        Err(error) => told(error),
    }
    found.into()
}

/// A segment that was read conflicts with its like, and with nothing once that is gone.
fn segment(input: &[u8]) -> Verdict {
    if let Ok(segment) = decode::<<SegmentSpec as Kept>::Stored>(input) {
        let (spec, mut index) = (&segment.spec, TargetIndex::default());
        let other = "tenants/acme/applicationSegments/another".parse().unwrap();
        index.replace(&other, None, spec.coverage());
        let clash = |index: &TargetIndex| index.conflict(&segment.name, spec.coverage()?);
        if let Some(conflict) = clash(&index) {
            assert!(spec.enabled && spec.domains.contains(&conflict.target));
        }
        index.replace(&other, spec.coverage(), None);
        assert!(clash(&index).is_none(), "a claim is left");
    }
    object::<SegmentSpec>(input)
}

fn small<T>(input: &[u8]) -> Verdict
where
    T: Clone + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
    AsWritten<T>: Record<Domain = T>,
{
    let found = decode::<AsWritten<T>>(input);
    match &found {
        Ok(record) => {
            let written = encode::<AsWritten<T>>(record).unwrap();
            assert_eq!(&decode::<AsWritten<T>>(&written).expect("what is written is read"), record);
            comes_back(&written, input);
        }
        Err(error) => told(error),
    }
    found.into()
}

#[test]
fn any_bytes_are_a_record_that_comes_back_whole_or_damage() {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/golden");
    let words =
        ["\"v\": \"1\"", "\"first\": ", "\"last\": ", "true", "PT-1S", "90000001", "DERIVED"];
    let target = trial::target!("records").kept_in(&golden).words(&words).costs(4);
    target.run(|input| {
        let mut verdicts = [
            object::<TenantSpec>(input),
            object::<GroupSpec>(input),
            object::<ConnectorSpec>(input),
            object::<ServerGroupSpec>(input),
            segment(input),
            object::<crate::domain::ClientNetworkSpec>(input),
            small::<Registration>(input),
            small::<KeyOwner>(input),
        ];
        verdicts.sort();
        verdicts[0].clone()
    });
}

/// Which group of the swept ones, if the key names one; then the key begins as that group's does.
fn swept(key: &Key) -> Option<AppConnectorGroupName> {
    let group = read_sweep(key)?;
    let own = sweep(&group);
    let begins = key.as_bytes().get(1..).unwrap_or_default();
    assert!(begins.starts_with(&own.as_bytes()[1..]), "{key:?} is another group's");
    Some(group)
}

#[test]
fn any_bytes_are_the_key_of_a_reference_or_of_a_swept_group_or_of_nothing() {
    let id = |text: &str| text.parse().unwrap();
    let place = |kind, last| Place { kind, tenant: id("acme"), id: id(last) };
    let (berlin, crm) = (place(Kind::Group, "berlin"), place(Kind::ServerGroup, "crm"));
    let target = trial::target!("keys").with(berlin.reference_from(&crm).as_bytes());
    let target = target.with(crm.reference_from(&place(Kind::Segment, "wiki")).as_bytes());
    target.run(|input| {
        let key = Key::from_bytes(input.to_vec());
        let source = Place::read_source(&key);
        if let Ok(Some(source)) = &source {
            let mut parts = key.parts();
            let target =
                Place { kind: Kind::Group, tenant: source.tenant.clone(), id: source.id.clone() };
            let again = Place::read_source(&target.reference_from(source)).unwrap();
            assert_eq!(again.as_ref(), Some(source));
            assert!(
                parts.u64().is_ok() && parts.text().is_ok_and(|it| it == *source.tenant.as_str())
            );
            assert!(source.name().starts_with("tenants/"));
        }
        let _ = (read_guard(&key), read_object(&key), kind_of(&key));
        match (source, swept(&key)) {
            (Ok(Some(_)), _) | (_, Some(_)) => Verdict::Taken,
            (Ok(None), None) => Verdict::Refused("no kind or no id".to_owned()),
            (Err(error), None) => Verdict::Refused(error.to_string()),
        }
    });
}
