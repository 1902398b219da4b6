//! Any bytes in the place of a request to join, or of a key that is written.

use prost::Message;
use proto::provisioning::v1 as pb;
use rpc::{Failure, Refuse as _, Violations};
use trial::fuzz::Verdict;

use super::convert;
use crate::domain::key::{MAX_ALLOWED_CIDRS, MAX_USES_LIMIT};

/// Refused as what was found, each field by its name.
fn refused(failure: &Failure) -> Verdict {
    assert!(!failure.violations().is_empty(), "{failure} names no field");
    for problem in failure.violations() {
        assert!(!problem.field.is_empty() && !problem.reason.is_empty(), "{problem:?}");
        assert!(!problem.description.contains("cwk_0"), "the secret is repeated: {problem:?}");
    }
    Verdict::Refused(failure.message().to_owned())
}

fn joining() -> pb::EnrollRequest {
    let host = pb::Host {
        fingerprint: "f1".to_owned(),
        hostname: "berlin-1.corp.example".to_owned(),
        platform: "linux/x86_64".to_owned(),
        version: "1.2.3".to_owned(),
        instance_id: "6f9619ff-8b86-d011-b42d-00cf4fc964ff".to_owned(),
    };
    pb::EnrollRequest {
        secret: "cwk_00000000000000000000000000000007_A_B".to_owned(),
        csr: vec![0x30, 0x82].into(),
        host: Some(host),
        client_time: Some(prost_types::Timestamp { seconds: 1_790_000_000, nanos: 5 }),
        replaces: String::new(),
    }
}

#[test]
fn any_bytes_are_a_request_to_join_within_its_limits_or_name_what_is_wrong() {
    let source = "192.0.2.1".parse().unwrap();
    let target = trial::target!("enroll_requests").with(joining().encode_to_vec());
    let target = target.with(pb::EnrollRequest { host: None, ..joining() }.encode_to_vec());
    let long = pb::EnrollRequest { csr: vec![0x30; 4_097].into(), ..joining() };
    let target = target.with(long.encode_to_vec());
    target.run(|input| {
        let Ok(request) = pb::EnrollRequest::decode(input) else {
            return Verdict::Refused("no message".to_owned());
        };
        let sent = request.clone();
        match convert::joining(request, source) {
            Ok(joining) => {
                assert!((1..=256).contains(&joining.secret.len()) && joining.source == source);
                assert!((1..=4_096).contains(&joining.csr.len()) && sent.replaces.is_empty());
                assert_eq!((&joining.secret, &joining.csr[..]), (&sent.secret, &sent.csr[..]));
                let said = sent.host.unwrap_or_default();
                let heard = [&joining.host.fingerprint, &joining.host.hostname];
                assert_eq!(heard, [&said.fingerprint, &said.hostname]);
                assert!(heard.iter().all(|text| text.len() <= 255), "{heard:?}");
                assert_eq!(joining.client_time.map(rpc::time::to_proto), sent.client_time);
                Verdict::Taken
            }
            Err(failure) => refused(&failure),
        }
    });
}

fn written() -> pb::ProvisioningKey {
    pb::ProvisioningKey {
        display_name: "Berlin".to_owned(),
        app_connector_group: "tenants/acme/appConnectorGroups/berlin".to_owned(),
        max_uses: 3,
        expire_time: Some(prost_types::Timestamp { seconds: 1_790_000_000, nanos: 0 }),
        allowed_cidrs: vec!["10.0.0.0/8".to_owned(), "2001:db8::/32".to_owned()],
        labels: [("site".to_owned(), "b1".to_owned())].into(),
        ..pb::ProvisioningKey::default()
    }
}

#[test]
fn any_bytes_are_a_key_within_its_limits_or_name_what_is_wrong() {
    let tenant = "tenants/acme".parse().unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let foreign = pb::ProvisioningKey {
        app_connector_group: "tenants/other/appConnectorGroups/berlin".to_owned(),
        ..written()
    };
    let target = trial::target!("written_keys").with(written().encode_to_vec());
    target.with(foreign.encode_to_vec()).run(|input| {
        let Ok(sent) = pb::ProvisioningKey::decode(input) else {
            return Verdict::Refused("no message".to_owned());
        };
        let mut found = Violations::new();
        let spec = convert::key_requests::spec(sent.clone(), Some(&tenant), now, &mut found);
        let Some(spec) = spec.filter(|_| found.is_empty()) else {
            return refused(&found.finish().expect_err("refused without a word"));
        };
        assert_eq!(spec.group.tenant(), tenant, "another tenant's group");
        assert_eq!(spec.group.to_string(), sent.app_connector_group);
        assert_eq!(spec.display_name.as_str(), sent.display_name);
        let max_uses = spec.max_uses.map_or(0, std::num::NonZeroU64::get);
        assert!(max_uses <= MAX_USES_LIMIT && i64::try_from(max_uses) == Ok(sent.max_uses));
        assert_eq!(spec.allowed_cidrs.len(), sent.allowed_cidrs.len(), "a network is lost");
        assert!(spec.allowed_cidrs.len() <= MAX_ALLOWED_CIDRS);
        assert_eq!(spec.labels.as_map(), &sent.labels);
        assert_eq!(spec.expire_time.map(rpc::time::to_proto), sent.expire_time);
        Verdict::Taken
    });
}
