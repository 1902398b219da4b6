//! Any bytes in the place of what siblings' watches tell.

use prost::Message as _;
use proto::{provisioning::v1 as provisioning_wire, registry::v1 as wire};
use rpc::watch;
use trial::fuzz::Verdict;

use super::{provisioning, registry};
use crate::domain::{
    keys::{KeyChange, Keys},
    registered::{Change, Registered},
};

fn acme(kind: &str, id: &str) -> String {
    format!("tenants/acme/{kind}/{id}")
}

fn told() -> wire::WatchResponse {
    use wire::event::Resource;
    let group = wire::AppConnectorGroup {
        name: acme("appConnectorGroups", "paris"),
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
    let resources = [
        Resource::AppConnectorGroup(group),
        Resource::AppConnector(connector),
        Resource::ServerGroup(server_group),
    ];
    let event = |resource| wire::Event { resource: Some(resource), ..wire::Event::default() };
    let events = resources.into_iter().map(event).collect();
    wire::WatchResponse { events, ..wire::WatchResponse::default() }
}

#[test]
fn any_bytes_of_registrys_watch_are_groups_with_just_what_hangs_on_them() {
    let words = ["tenants/acme/", "tenants/other/", "/appConnectorGroups/", "\u{8}\u{3}"];
    let target = trial::target!("registry_watch").words(&words).with(told().encode_to_vec());
    target.run(|input| {
        let Ok(response) = wire::WatchResponse::decode(input) else {
            return Verdict::Refused("no message".to_owned());
        };
        let batch = watch::batch(response, registry::change_in);
        let mut index = Registered::default();
        let mut tenants = Vec::new();
        for change in &batch.events {
            if let Change::Group(group) = change {
                tenants.push(group.name.tenant.clone());
            }
            index.apply(change.clone());
        }
        for tenant in tenants {
            let (page, more) = index.page(&tenant, None, usize::MAX);
            assert!(!more, "all fit on a page");
            for facts in page {
                let name = &facts.group.name;
                assert_eq!(name.tenant, tenant, "another tenant's group");
                let of_tenant = |other| other == &tenant;
                for connector in &facts.connectors {
                    assert!(connector.group == *name && of_tenant(&connector.name.tenant));
                }
                assert!(facts.server_groups.iter().all(|group| of_tenant(&group.tenant)));
                assert_eq!(index.group(name), Some(facts));
            }
        }
        (!batch.events.is_empty()).then_some(()).into()
    });
}

#[test]
fn any_bytes_of_provisionings_watch_are_keys_of_their_groups() {
    use provisioning_wire::{Event, ProvisioningKey, WatchResponse, event::Resource};
    let key = ProvisioningKey {
        name: acme("provisioningKeys", "k"),
        app_connector_group: acme("appConnectorGroups", "paris"),
        max_uses: 3,
        ..ProvisioningKey::default()
    };
    let event = Event { resource: Some(Resource::ProvisioningKey(key)), ..Event::default() };
    let response = WatchResponse { events: vec![event], ..WatchResponse::default() };
    let target = trial::target!("key_watch").with(response.encode_to_vec());
    target.words(&["tenants/other/", "/provisioningKeys/", "\u{8}\u{3}"]).run(|input| {
        let Ok(response) = WatchResponse::decode(input) else {
            return Verdict::Refused("no message".to_owned());
        };
        let batch = watch::batch(response, provisioning::change_in);
        let mut keys = Keys::default();
        for change in &batch.events {
            keys.apply(change.clone());
            match change {
                KeyChange::Is(key) => {
                    assert!(keys.of(&key.group).contains(key), "{} is lost", key.name);
                    let _ = key.is_usable(jiff::Timestamp::UNIX_EPOCH);
                }
                KeyChange::Gone(name) => assert_eq!(name.to_string().parse().as_ref(), Ok(name)),
            }
        }
        (!batch.events.is_empty()).then_some(()).into()
    });
}
