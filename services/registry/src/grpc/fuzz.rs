//! Any bytes in the place of an object that is written, or of a connector that is registered.

use prost::Message;
use proto::registry::v1 as wire;
use resource::record;
use trial::fuzz::Verdict;

use super::convert::{Wire, registration};
use crate::{
    domain::{
        Connector, ConnectorSpec, GroupSpec, Meta, Registration, Rules, SegmentSpec,
        ServerGroupSpec, Spec, Subject, TenantSpec, Violation, Violations,
    },
    store::Kept,
};

/// Refused as what was found, each field by its name below `at`.
fn refused(problems: &Violations, at: &str) -> Verdict {
    assert!(!problems.is_empty(), "refused without a word");
    for Violation { field, description: fix, .. } in problems.list() {
        assert!(field.starts_with(at), "{field} is not below {at}");
        assert!(!fix.is_empty(), "{field}");
    }
    let reasons = problems.list().iter().take(3).map(|problem| problem.reason.word());
    Verdict::Refused(reasons.collect::<Vec<_>>().join(" "))
}

/// The spec obeys every rule, and stays what it is when it is written again and when it is stored.
fn object<S: Wire + Spec>(input: &[u8]) -> Verdict {
    let Ok(message) = S::Message::decode(input) else {
        return Verdict::Refused("no message".to_owned());
    };
    let tenant = names::TenantName::new("acme".parse().unwrap());
    let (rules, mut problems) = (Rules::default(), Violations::new());
    let draft = S::read(message, &mut problems);
    let subject = Subject { tenant: Some(&tenant), previous: None, rules: &rules };
    let spec = S::check(&draft, &subject, &mut problems);
    let Some(spec) = spec.filter(|_| problems.is_empty()) else {
        return refused(&problems, S::ABOUT.field);
    };
    let subject = Subject { previous: Some(&spec), ..subject };
    let again = S::check(&spec.draft(), &subject, &mut problems);
    assert_eq!(again.as_ref(), Some(&spec), "written again it is another: {problems:?}");
    assert!(!spec.withdraws(&spec), "nothing was taken away");
    Verdict::Taken
}

fn segment() -> wire::ApplicationSegment {
    wire::ApplicationSegment {
        display_name: "CRM".to_owned(),
        domains: vec!["*.corp.example".to_owned(), "10.1.0.0/16".to_owned()],
        tcp_port_ranges: vec![wire::PortRange { first: 443, last: 0 }],
        server_groups: vec!["tenants/acme/serverGroups/crm".to_owned()],
        allowed_countries: vec!["DE".to_owned()],
        minimum_available: Some(2),
        sticky_for: Some(prost_types::Duration { seconds: 90, nanos: 0 }),
        ..wire::ApplicationSegment::default()
    }
}

fn server_group() -> wire::ServerGroup {
    let server = wire::Server { address: "crm-1.corp.example".to_owned(), ports: vec![443, 8443] };
    wire::ServerGroup {
        display_name: "CRM".to_owned(),
        app_connector_groups: vec!["tenants/acme/appConnectorGroups/berlin".to_owned()],
        dynamic_discovery: Some(false),
        servers: vec![server],
        ..wire::ServerGroup::default()
    }
}

fn group() -> wire::AppConnectorGroup {
    let coordinates = proto::google::r#type::LatLng { latitude: 52.52, longitude: 13.405 };
    let location = wire::Location {
        coordinates: Some(coordinates),
        time_zone: "Europe/Berlin".to_owned(),
        country_code: "DE".to_owned(),
        ..wire::Location::default()
    };
    wire::AppConnectorGroup {
        display_name: "Berlin".to_owned(),
        location: Some(location),
        ..wire::AppConnectorGroup::default()
    }
}

#[test]
fn any_bytes_are_an_object_that_obeys_every_rule_or_name_what_is_wrong() {
    let target = trial::target!("objects").with(segment().encode_to_vec());
    let target = target.with(server_group().encode_to_vec()).with(group().encode_to_vec());
    let words = ["\u{b}", "*.", "/8", "tenants/acme/", "tenants/other/", "DE", "Europe/Berlin"];
    target.words(&words).costs(4).run(|input| {
        let mut verdicts = [
            object::<TenantSpec>(input),
            object::<GroupSpec>(input),
            object::<ConnectorSpec>(input),
            object::<ServerGroupSpec>(input),
            object::<SegmentSpec>(input),
            object::<crate::domain::ClientNetworkSpec>(input),
        ];
        verdicts.sort();
        verdicts[0].clone()
    });
}

fn registering() -> wire::RegisterAppConnectorRequest {
    wire::RegisterAppConnectorRequest {
        name: "tenants/acme/appConnectors/berlin-1".to_owned(),
        app_connector_group: "tenants/acme/appConnectorGroups/berlin".to_owned(),
        enrolment: "tenants/acme/enrolments/e1".to_owned(),
        provisioning_key: "tenants/acme/provisioningKeys/k1".to_owned(),
        public_key_sha256: vec![7; 32].into(),
        labels: [("site".to_owned(), "b1".to_owned())].into(),
        ..wire::RegisterAppConnectorRequest::default()
    }
}

#[test]
fn any_bytes_are_a_registration_of_one_tenant_or_name_what_is_wrong() {
    let words = ["tenants/other/", "\u{8}", "\u{80}\u{94}"];
    let target = trial::target!("registrations").words(&words).with(registering().encode_to_vec());
    target.run(|input| {
        let Ok(message) = wire::RegisterAppConnectorRequest::decode(input) else {
            return Verdict::Refused("no message".to_owned());
        };
        let mut problems = Violations::new();
        let draft = registration(message, &mut problems);
        let found = Registration::check(&draft, &Rules::default(), &mut problems);
        let Some(found) = found.filter(|_| problems.is_empty()) else {
            return refused(&problems, "");
        };
        let Registration { name, spec, origin } = found;
        let tenants = [
            origin.app_connector_group.tenant(),
            origin.enrolment.tenant(),
            origin.provisioning_key.tenant(),
        ];
        assert!(tenants.iter().all(|tenant| *tenant == name.tenant()), "{tenants:?}");
        assert_eq!(origin.public_key_sha256[..], draft.public_key_sha256[..]);
        assert_eq!(spec.labels.as_map(), &draft.labels);
        let meta = Meta::created(uuid::Uuid::nil(), jiff::Timestamp::UNIX_EPOCH);
        let connector = Connector { name, meta, spec, server_fields: origin };
        let stored = record::encode::<<ConnectorSpec as Kept>::Stored>(&connector).unwrap();
        assert_eq!(
            record::decode::<<ConnectorSpec as Kept>::Stored>(&stored)
                .expect("what is written is read"),
            connector
        );
        Verdict::Taken
    });
}
