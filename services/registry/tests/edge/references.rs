use proto::registry::v1::*;
use rpc::Kind;

use crate::ground::{ACME, Registry, fields, mask, refusal, segment_request, server_group_request};

#[tokio::test]
async fn every_missing_reference_is_named() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    registry.group("a").await;
    let mut root = registry.root();
    let answer = root.create_server_group(server_group_request("s", &["x", "a", "y"])).await;
    let (kind, reason, failure) = refusal(answer);
    assert_eq!((kind, reason.as_str()), (Kind::NotFound, "REFERENCE_NOT_FOUND"));
    assert_eq!(
        fields(&failure),
        ["server_group.app_connector_groups[0]", "server_group.app_connector_groups[2]"]
    );
    let mut segment = segment_request("crm", "crm.example");
    let spec = segment.application_segment.as_mut().unwrap();
    spec.server_groups = vec![format!("{ACME}/serverGroups/none")];
    spec.app_connector_group_preferences = vec![AppConnectorGroupPreference {
        app_connector_group: format!("{ACME}/appConnectorGroups/none"),
        ..Default::default()
    }];
    let (_, _, failure) = refusal(root.create_application_segment(segment).await);
    assert_eq!(fields(&failure).len(), 2, "{failure:?}");
    registry.stop().await;
}

#[tokio::test]
async fn a_server_group_in_use_is_not_deleted_until_the_last_segment_lets_go() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    registry.group("a").await;
    let mut root = registry.root();
    let servers =
        root.create_server_group(server_group_request("s", &["a"])).await.unwrap().into_inner();
    let mut segment = segment_request("crm", "crm.example");
    segment.application_segment.as_mut().unwrap().server_groups = vec![servers.name.clone()];
    let segment = root.create_application_segment(segment).await.unwrap().into_inner();
    let delete = DeleteServerGroupRequest { name: servers.name, ..Default::default() };
    let (kind, reason, failure) = refusal(root.delete_server_group(delete.clone()).await);
    assert_eq!((kind, reason.as_str()), (Kind::FailedPrecondition, "REFERENCED"));
    assert_eq!(failure.preconditions()[0].subject, segment.name);
    let freed = UpdateApplicationSegmentRequest {
        application_segment: Some(ApplicationSegment { server_groups: vec![], ..segment }),
        update_mask: mask(&["server_groups"]),
        ..Default::default()
    };
    root.update_application_segment(freed).await.unwrap();
    root.delete_server_group(delete).await.unwrap();
    registry.stop().await;
}

#[tokio::test]
async fn forty_references_fit_and_can_all_be_replaced_at_once() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let ids: Vec<String> = (0..80).map(|number| format!("g{number}")).collect();
    for id in &ids {
        registry.group(id).await;
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut root = registry.root();
    let made = root.create_server_group(server_group_request("s", &ids[..40])).await.unwrap();
    let all_new = server_group_request("s", &ids[40..]).server_group.unwrap();
    let update = UpdateServerGroupRequest {
        server_group: Some(ServerGroup {
            display_name: "Renamed too".to_owned(),
            enabled: Some(false),
            name: made.into_inner().name,
            ..all_new
        }),
        request_id: "2f7e7c2e-0d5b-4f8e-8a64-6f3b1f0c9a13".to_owned(),
        ..Default::default()
    };
    let updated = root.update_server_group(update).await.unwrap().into_inner();
    assert_eq!(updated.app_connector_groups.len(), 40);
    registry.stop().await;
}
