//! Client networks, as every kind: written once, watched, remembered, their ranges unique.

use proto::{google::r#type::LatLng, registry::v1::*, r#type::v1::*};
use rpc::Kind;

use crate::ground::{ACME, Registry, fields, mask, refusal};

fn request(id: &str, cidrs: &[&str]) -> CreateClientNetworkRequest {
    CreateClientNetworkRequest {
        parent: ACME.to_owned(),
        client_network_id: id.to_owned(),
        client_network: Some(ClientNetwork {
            display_name: format!("Office {id}"),
            cidrs: cidrs.iter().map(|&cidr| cidr.to_owned()).collect(),
            coordinates: Some(LatLng { latitude: 48.85, longitude: 2.35 }),
            country_code: "FR".to_owned(),
            ..ClientNetwork::default()
        }),
        ..CreateClientNetworkRequest::default()
    }
}

#[tokio::test]
async fn a_range_belongs_to_one_live_network_and_may_lie_within_another() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut root = registry.root();
    let paris = request("paris", &["192.0.2.0/24", "::ffff:198.51.100.0/120"]);
    let paris = root.create_client_network(paris).await.unwrap().into_inner();
    assert_eq!(paris.cidrs, ["192.0.2.0/24", "198.51.100.0/24"], "a mapped range is the IPv4 one");
    root.create_client_network(request("desk", &["192.0.2.16/28"])).await.unwrap();

    let (kind, reason, failure) =
        refusal(root.create_client_network(request("lyon", &["198.51.100.0/24"])).await);
    assert_eq!((kind, reason.as_str()), (Kind::AlreadyExists, "CIDR_CONFLICT"));
    assert!(failure.message().contains("clientNetworks/paris"), "{failure}");
    let wrong = request("lyon", &["10.0.0.1/8", "10.0.0.0/8", "10.0.0.0/8", "x"]);
    let (_, _, failure) = refusal(root.create_client_network(wrong).await);
    let at = |index: usize| format!("client_network.cidrs[{index}]");
    assert_eq!(fields(&failure), [at(0), at(2), at(3)]);

    // What is given up is free again, and what is deleted frees all of it.
    let update = UpdateClientNetworkRequest {
        client_network: Some(ClientNetwork {
            name: paris.name.clone(),
            cidrs: vec!["192.0.2.0/24".to_owned()],
            ..ClientNetwork::default()
        }),
        update_mask: mask(&["cidrs"]),
        ..UpdateClientNetworkRequest::default()
    };
    let kept = root.update_client_network(update).await.unwrap().into_inner();
    assert_eq!(kept.coordinates, paris.coordinates, "a patch of one field keeps the others");
    root.create_client_network(request("lyon", &["198.51.100.0/24"])).await.unwrap();
    let name = paris.name.clone();
    let delete = DeleteClientNetworkRequest { name, ..DeleteClientNetworkRequest::default() };
    root.delete_client_network(delete).await.unwrap();
    root.create_client_network(request("nice", &["192.0.2.0/24"])).await.unwrap();
    let undelete = UndeleteClientNetworkRequest { name: paris.name, ..Default::default() };
    assert_eq!(refusal(root.undelete_client_network(undelete).await).1, "CIDR_CONFLICT");
    registry.stop().await;
}

#[tokio::test]
async fn a_network_is_listed_watched_and_told_as_every_kind_is() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut root = registry.root();
    let watch = WatchRequest {
        parent: ACME.to_owned(),
        types: vec![ResourceType::ClientNetwork.into()],
        ..WatchRequest::default()
    };
    let mut events = root.watch(watch).await.unwrap().into_inner();
    let paris = root.create_client_network(request("paris", &["192.0.2.0/24"])).await.unwrap();
    let paris = paris.into_inner();
    loop {
        let response = events.message().await.unwrap().unwrap();
        if response.phase() == WatchPhase::Changes {
            let resource = response.events[0].resource.clone();
            assert_eq!(resource, Some(event::Resource::ClientNetwork(paris.clone())));
            break;
        }
    }
    let list = ListClientNetworksRequest {
        parent: ACME.to_owned(),
        filter: "cidrs:\"192.0.2.0/24\" AND country_code = FR".to_owned(),
        ..ListClientNetworksRequest::default()
    };
    let listed = root.list_client_networks(list).await.unwrap().into_inner();
    assert_eq!(listed.client_networks.as_slice(), std::slice::from_ref(&paris));
    let get = GetClientNetworkRequest { name: paris.name.clone(), read_time: None };
    assert_eq!(root.get_client_network(get).await.unwrap().into_inner(), paris);
    let events = ListAuditEventsRequest { parent: ACME.to_owned(), ..Default::default() };
    let events = root.list_audit_events(events).await.unwrap().into_inner().audit_events;
    assert_eq!(events[0].resource, paris.name);
    assert_eq!(events[0].resource_type, "causeway/ClientNetwork");
    registry.stop().await;
}
