use proto::registry::v1::*;
use rpc::Kind;

use crate::ground::{ACME, Registry, group_request, mask, refusal, registration};

#[tokio::test]
async fn another_tenants_objects_do_not_exist_for_a_caller() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    registry.tenant("globex").await;
    let mut admin = registry.caller("acme-admin");
    admin.create_app_connector_group(group_request("berlin")).await.unwrap();
    let foreign = CreateAppConnectorGroupRequest {
        parent: "tenants/globex".to_owned(),
        ..group_request("berlin")
    };
    assert_eq!(refusal(admin.create_app_connector_group(foreign).await).0, Kind::NotFound);
    let get = GetTenantRequest { name: "tenants/globex".to_owned(), read_time: None };
    assert_eq!(refusal(admin.get_tenant(get).await).0, Kind::NotFound);
    let tenants = admin.list_tenants(ListTenantsRequest::default()).await.unwrap().into_inner();
    let names: Vec<_> = tenants.tenants.iter().map(|tenant| tenant.name.as_str()).collect();
    assert_eq!(names, [ACME]);
    registry.stop().await;
}

#[tokio::test]
async fn a_viewer_reads_and_writes_nothing() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let group = registry.group("berlin").await;
    let mut viewer = registry.caller("acme-viewer");
    let get = GetAppConnectorGroupRequest { name: group.name.clone(), read_time: None };
    assert_eq!(viewer.get_app_connector_group(get).await.unwrap().into_inner(), group);
    let create = viewer.create_app_connector_group(group_request("munich")).await;
    assert_eq!(refusal(create).0, Kind::PermissionDenied);
    let update = UpdateAppConnectorGroupRequest {
        app_connector_group: Some(group),
        update_mask: mask(&["enabled"]),
        ..Default::default()
    };
    assert_eq!(refusal(viewer.update_app_connector_group(update).await).0, Kind::PermissionDenied);
    registry.stop().await;
}

#[tokio::test]
async fn only_siblings_register_connectors_and_only_they_and_system_administrators_see_all_tenants()
{
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    registry.group("berlin").await;
    let by_token = registry.root().register_app_connector(registration(1)).await;
    assert_eq!(refusal(by_token).0, Kind::PermissionDenied);
    let mut provisioning = registry.sibling("provisioning");
    provisioning.register_app_connector(registration(1)).await.unwrap();
    let everywhere =
        ListAppConnectorsRequest { parent: "tenants/-".to_owned(), ..Default::default() };
    let listed = provisioning.list_app_connectors(everywhere.clone()).await.unwrap().into_inner();
    assert_eq!(listed.app_connectors.len(), 1);
    let narrow = registry.caller("acme-viewer").list_app_connectors(everywhere).await;
    assert_eq!(refusal(narrow).0, Kind::PermissionDenied);
    registry.stop().await;
}

#[tokio::test]
async fn planned_methods_say_so() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let policy = GetAppConnectorRetentionPolicyRequest {
        name: format!("{ACME}/appConnectorRetentionPolicy"),
    };
    let answer = registry.root().get_app_connector_retention_policy(policy).await;
    let (kind, reason, _) = refusal(answer);
    assert_eq!((kind, reason.as_str()), (Kind::Unimplemented, "METHOD_PLANNED"));
    registry.stop().await;
}

#[tokio::test]
async fn the_server_says_what_it_is() {
    let registry = Registry::start().await;
    let info = registry.root().get_server_info(GetServerInfoRequest {}).await.unwrap().into_inner();
    assert_eq!(info.service, "registry");
    assert!(info.tzdb_version.starts_with("20"), "{info:?}");
    let before = info.revision;
    registry.tenant("acme").await;
    let after =
        registry.root().get_server_info(GetServerInfoRequest {}).await.unwrap().into_inner();
    assert!(after.revision > before);
    assert_eq!(after.epoch, info.epoch);
    registry.stop().await;
}
