//! Taking deletes back, and what time removes for good.

use std::time::Duration;

use jiff::SignedDuration;
use proto::registry::v1::*;
use rpc::Kind;
use runtime::Clock;

use crate::ground::{ACME, Registry, refusal, registration, segment_request, server_group_request};

#[tokio::test]
async fn a_deleted_segment_comes_back_as_it_was() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut root = registry.root();
    let request = segment_request("crm", "crm.example");
    let made = root.create_application_segment(request).await.unwrap().into_inner();
    let undelete =
        UndeleteApplicationSegmentRequest { name: made.name.clone(), ..Default::default() };
    let (kind, reason, _) = refusal(root.undelete_application_segment(undelete.clone()).await);
    assert_eq!((kind, reason.as_str()), (Kind::FailedPrecondition, "NOT_DELETED"));

    let delete = DeleteApplicationSegmentRequest { name: made.name.clone(), ..Default::default() };
    root.delete_application_segment(delete.clone()).await.unwrap();
    let back = root.undelete_application_segment(undelete.clone()).await.unwrap().into_inner();
    assert_eq!(back.domains, made.domains);
    assert!(back.delete_time.is_none() && back.purge_time.is_none());
    assert_eq!(back.uid, made.uid);
    // What it covers is its own again.
    let rival = root.create_application_segment(segment_request("rival", "crm.example")).await;
    assert_eq!(refusal(rival).1, "DOMAIN_CONFLICT");

    root.delete_application_segment(delete).await.unwrap();
    root.create_application_segment(segment_request("rival", "crm.example")).await.unwrap();
    let taken = root.undelete_application_segment(undelete).await;
    assert_eq!(refusal(taken).1, "DOMAIN_CONFLICT");
    registry.stop().await;
}

#[tokio::test]
async fn an_undelete_needs_its_name_and_what_it_refers_to() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    registry.group("berlin").await;
    let mut root = registry.root();
    let request = server_group_request("s", &["berlin"]);
    let made = root.create_server_group(request.clone()).await.unwrap().into_inner();
    let delete = DeleteServerGroupRequest { name: made.name.clone(), ..Default::default() };
    root.delete_server_group(delete).await.unwrap();
    let undelete = UndeleteServerGroupRequest { name: made.name.clone(), ..Default::default() };

    let twin = CreateServerGroupRequest { server_group_id: "twin".to_owned(), ..request };
    let twin = root.create_server_group(twin).await.unwrap().into_inner();
    let (kind, reason, _) = refusal(root.undelete_server_group(undelete.clone()).await);
    assert_eq!((kind, reason.as_str()), (Kind::AlreadyExists, "DISPLAY_NAME_TAKEN"));
    let delete = DeleteServerGroupRequest { name: twin.name, ..Default::default() };
    root.delete_server_group(delete).await.unwrap();

    let name = format!("{ACME}/appConnectorGroups/berlin");
    let force = DeleteAppConnectorGroupRequest { name, force: true, ..Default::default() };
    root.delete_app_connector_group(force).await.unwrap();
    assert_eq!(refusal(root.undelete_server_group(undelete).await).1, "REFERENCE_NOT_FOUND");
    registry.stop().await;
}

#[tokio::test]
async fn after_thirty_days_a_deleted_object_is_gone_and_its_id_free_but_never_a_connectors() {
    let (clock, manual) = Clock::manual(Clock::system().now());
    let registry = Registry::start_on(clock, |_| {}).await;
    registry.tenant("acme").await;
    registry.group("berlin").await;
    let mut root = registry.root();
    let mut provisioning = registry.sibling("provisioning");
    let servers =
        root.create_server_group(server_group_request("s", &[])).await.unwrap().into_inner();
    let connector =
        provisioning.register_app_connector(registration(1)).await.unwrap().into_inner();
    let delete = DeleteServerGroupRequest { name: servers.name.clone(), ..Default::default() };
    root.delete_server_group(delete).await.unwrap();
    let delete = DeleteAppConnectorRequest { name: connector.name.clone(), ..Default::default() };
    root.delete_app_connector(delete).await.unwrap();

    let get = GetServerGroupRequest { name: servers.name, read_time: None };
    manual.advance(SignedDuration::from_hours(24 * 29).unsigned_abs());
    assert!(root.get_server_group(get.clone()).await.is_ok(), "it can still be taken back");
    manual.advance(SignedDuration::from_hours(24 * 2).unsigned_abs());
    let mut period = tokio::time::interval(Duration::from_millis(10));
    while root.get_server_group(get.clone()).await.is_ok() {
        period.tick().await;
        manual.advance(Duration::from_secs(60 * 60));
    }
    assert_eq!(refusal(root.get_server_group(get).await).0, Kind::NotFound);
    root.create_server_group(server_group_request("s", &[])).await.unwrap();

    let get = GetAppConnectorRequest { name: connector.name };
    while root.get_app_connector(get.clone()).await.is_ok() {
        period.tick().await;
        manual.advance(Duration::from_secs(60 * 60));
    }
    let late = RegisterAppConnectorRequest { name: registration(1).name, ..registration(2) };
    assert_eq!(refusal(provisioning.register_app_connector(late).await).1, "NAME_TAKEN");
    let same_key = RegisterAppConnectorRequest {
        public_key_sha256: registration(1).public_key_sha256,
        ..registration(3)
    };
    assert_eq!(refusal(provisioning.register_app_connector(same_key).await).1, "IDENTITY_REVOKED");
    registry.stop().await;
}
