use proto::registry::v1::*;
use rpc::Kind;

use crate::ground::{Registry, group_request, mask, refusal};

#[tokio::test]
async fn a_tenant_shows_its_quotas_and_is_found_again_after_a_restart() {
    let mut registry = Registry::start().await;
    let made = registry.tenant("acme").await;
    assert_eq!(made.name, "tenants/acme");
    assert_eq!(made.state(), TenantState::Active);
    assert_eq!(made.trust_domain, "causeway.test");
    assert_eq!(made.quotas.unwrap().app_connectors, 100_000);
    assert!(!made.etag.is_empty());
    registry.restart().await;
    let get = GetTenantRequest { name: made.name.clone(), read_time: None };
    assert_eq!(registry.root().get_tenant(get).await.unwrap().into_inner(), made);
    registry.stop().await;
}

#[tokio::test]
async fn a_tenant_with_live_objects_is_not_deleted_and_they_are_named() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    registry.group("berlin").await;
    let delete = DeleteTenantRequest { name: "tenants/acme".to_owned(), ..Default::default() };
    let (kind, reason, failure) = refusal(registry.root().delete_tenant(delete.clone()).await);
    assert_eq!((kind, reason.as_str()), (Kind::FailedPrecondition, "REFERENCED"));
    assert!(failure.message().contains("appConnectorGroups/berlin"), "{failure}");
    let name = "tenants/acme/appConnectorGroups/berlin".to_owned();
    let force = DeleteAppConnectorGroupRequest { name, force: true, ..Default::default() };
    registry.root().delete_app_connector_group(force).await.unwrap();
    let gone = registry.root().delete_tenant(delete).await.unwrap().into_inner();
    assert!(gone.delete_time.is_some());
    let (kind, ..) = refusal(registry.root().create_app_connector_group(group_request("x")).await);
    assert_eq!(kind, Kind::NotFound, "nothing is made below a deleted tenant");
    registry.stop().await;
}

#[tokio::test]
async fn a_tenant_is_suspended_and_taken_up_again() {
    let registry = Registry::start().await;
    let tenant = registry.tenant("acme").await;
    for state in [TenantState::Suspended, TenantState::Active] {
        let update = UpdateTenantRequest {
            tenant: Some(Tenant { state: state.into(), ..tenant.clone() }),
            update_mask: mask(&["state"]),
            ..Default::default()
        };
        // The etag of the first read is stale at the second turn.
        let update = UpdateTenantRequest {
            tenant: update.tenant.map(|tenant| Tenant { etag: String::new(), ..tenant }),
            ..update
        };
        assert_eq!(
            registry.root().update_tenant(update).await.unwrap().into_inner().state(),
            state
        );
    }
    registry.stop().await;
}
