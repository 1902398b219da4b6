//! Any bytes in the place of what siblings' watches tell.

use bytes::Bytes;
use names::TenantName;
use prost::Message;
use proto::{provisioning::v1 as provisioning_wire, registry::v1 as wire, r#type::v1::ChangeType};
use rpc::watch;
use trial::fuzz::Verdict;

use super::{provisioning, registry};
use crate::{
    domain::{
        configuration::{
            Protocol, Segment,
            model::{Fact, Model},
        },
        matching::host::{Domain, Host},
        question::query::{DEFAULT_LIMIT, Query},
    },
    live::{fleet::Fleet, testing::ask, view::TenantView},
};

fn acme(kind: &str, id: &str) -> String {
    format!("tenants/acme/{kind}/{id}")
}

/// All that a path needs, one event each.
fn told() -> wire::WatchResponse {
    use wire::event::Resource;
    let coordinates = proto::google::r#type::LatLng { latitude: 48.85, longitude: 2.35 };
    let location = wire::Location { coordinates: Some(coordinates), ..wire::Location::default() };
    let tenant = wire::Tenant { name: "tenants/acme".to_owned(), ..wire::Tenant::default() };
    let group = wire::AppConnectorGroup {
        name: acme("appConnectorGroups", "paris"),
        location: Some(location),
        ..wire::AppConnectorGroup::default()
    };
    let connector = wire::AppConnector {
        name: acme("appConnectors", "paris-1"),
        app_connector_group: group.name.clone(),
        ..wire::AppConnector::default()
    };
    let server_group = wire::ServerGroup {
        name: acme("serverGroups", "wiki"),
        app_connector_groups: vec![group.name.clone()],
        ..wire::ServerGroup::default()
    };
    let segment = wire::ApplicationSegment {
        name: acme("applicationSegments", "wiki"),
        domains: vec!["*.corp.example".to_owned(), "10.0.0.0/8".to_owned()],
        tcp_port_ranges: vec![wire::PortRange { first: 443, last: 8_443 }],
        server_groups: vec![server_group.name.clone()],
        ..wire::ApplicationSegment::default()
    };
    let resources = [
        Resource::Tenant(tenant),
        Resource::AppConnectorGroup(group),
        Resource::AppConnector(connector),
        Resource::ServerGroup(server_group),
        Resource::ApplicationSegment(segment),
    ];
    let event = |resource| wire::Event { resource: Some(resource), ..wire::Event::default() };
    let events = resources.into_iter().map(event).collect();
    wire::WatchResponse { events, ..wire::WatchResponse::default() }
}

/// A segment is within the limits of its type, whatever was told.
fn holds(segment: &Segment) {
    for range in segment.tcp.iter().chain(&segment.udp) {
        assert!(1 <= range.first && range.first <= range.last, "{range:?}");
    }
    for preference in segment.preferences.values() {
        assert!(preference.priority <= 9, "{preference:?}");
    }
}

/// A question about the first host that a segment names.
fn question(segment: &Segment) -> Option<Query> {
    let host = segment.domains.iter().find_map(|domain| match domain {
        Domain::Host(host) => Some(host.clone()),
        Domain::Below(suffix) => Host::parse(&format!("a.{suffix}")).ok(),
        Domain::Network(_) => None,
    });
    Some(Query {
        coordinates: None,
        radius_km: 0.0,
        address: None,
        edge: None,
        host: host?,
        port: segment.tcp.first()?.first,
        protocol: Protocol::Tcp,
        client_key: String::new(),
        client_network: String::new(),
        limit: DEFAULT_LIMIT,
        groups: Vec::new(),
        countries: Vec::new(),
    })
}

/// Every tenant of the model can be compiled and asked.
fn answers(model: &Model) {
    for name in model.tenants() {
        let configuration = model.tenant(name).expect("it exists");
        let fleet = Fleet::default();
        let snapshot =
            TenantView::build(TenantName::clone(name), configuration, &fleet, Default::default());
        for segment in configuration.segments.values() {
            holds(segment);
            if let Some(query) = question(segment) {
                let answer = ask(&snapshot, &query, None);
                assert!(answer.segment.is_some() || configuration.suspended, "it names the host");
            }
        }
    }
}

#[test]
fn any_bytes_of_registrys_watch_are_facts_that_can_be_kept_and_asked() {
    let words = ["tenants/acme/", "/applicationSegments/", "*.corp.example", "\u{8}", "10.0.0.1/8"];
    let target = trial::target!("registry_watch").with(told().encode_to_vec()).costs(2);
    target.words(&words).run(|input| {
        let Ok(response) = wire::WatchResponse::decode(input) else {
            return Verdict::Refused("no message".to_owned());
        };
        let events = response.events.len();
        let batch = watch::batch(response, registry::told);
        assert!(batch.events.len() <= events, "more facts than events");
        let mut model = Model::default();
        for told in &batch.events {
            if let Some(message) = &told.message {
                let kept = registry::read(&Bytes::clone(message)).expect("what is kept is read");
                assert_eq!(kept.as_ref(), Some(&told.fact), "a restart reads something else");
            }
            let tenant = model.learn(told.fact.clone());
            let is_own = told.name.starts_with(&format!("{tenant}/"))
                || (told.name == tenant.to_string() && matches!(told.fact, Fact::Tenant(..)));
            assert!(is_own, "{} is not below {tenant}", told.name);
        }
        answers(&model);
        (!batch.events.is_empty()).then_some(()).into()
    });
}

fn trusted() -> provisioning_wire::WatchResponse {
    use provisioning_wire::event::Resource;
    let root = provisioning_wire::CaCertificate {
        der: vec![0x30, 0].into(),
        ..provisioning_wire::CaCertificate::default()
    };
    let authority = provisioning_wire::CertificateAuthority {
        name: "tenants/acme/certificateAuthority".to_owned(),
        certificates: vec![root],
        ..provisioning_wire::CertificateAuthority::default()
    };
    let revocation = provisioning_wire::Revocation {
        app_connector: acme("appConnectors", "paris-1"),
        ..provisioning_wire::Revocation::default()
    };
    let resources = [Resource::CertificateAuthority(authority), Resource::Revocation(revocation)];
    let event = |change: ChangeType| {
        move |resource| provisioning_wire::Event {
            r#type: change.into(),
            resource: Some(resource),
            ..provisioning_wire::Event::default()
        }
    };
    let (come, gone) = (event(ChangeType::Added), event(ChangeType::Deleted));
    let events = resources.clone().map(come).into_iter().chain(resources.map(gone)).collect();
    provisioning_wire::WatchResponse { events, ..provisioning_wire::WatchResponse::default() }
}

#[test]
fn any_bytes_of_provisionings_watch_are_facts_that_can_be_kept() {
    let words =
        ["tenants/acme/certificateAuthority", "tenants/other/", "/appConnectors/", "\u{8}\u{3}"];
    let target = trial::target!("trust_watch").with(trusted().encode_to_vec());
    target.words(&words).run(|input| {
        let Ok(response) = provisioning_wire::WatchResponse::decode(input) else {
            return Verdict::Refused("no message".to_owned());
        };
        let batch = watch::batch(response, provisioning::told);
        for told in &batch.events {
            let tenant = match &told.fact {
                provisioning::TrustFact::Roots(tenant, roots) => {
                    assert!(told.message.is_some() || roots.is_empty(), "roots of what is gone");
                    tenant.clone()
                }
                provisioning::TrustFact::Refused(connector, refused) => {
                    assert_eq!(*refused, told.message.is_some());
                    connector.tenant()
                }
            };
            assert!(told.name.starts_with(&format!("{tenant}/")), "{} of {tenant}", told.name);
            if let Some(message) = &told.message {
                let kept = provisioning::read(message).expect("what is kept is read");
                assert_eq!(kept.as_ref(), Some(&told.fact), "a restart reads something else");
            }
        }
        (!batch.events.is_empty()).then_some(()).into()
    });
}
