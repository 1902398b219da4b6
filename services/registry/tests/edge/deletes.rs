use std::time::Duration;

use proto::registry::v1::*;
use rpc::Kind;

use crate::ground::{ACME, Client, Registry, refusal, registration, server_group_request};

/// Waits for the sweep after a delete with force.
pub(crate) async fn wait_until_nobody_lives(root: &mut Client) {
    let mut period = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..1_000 {
        let live = ListAppConnectorsRequest { parent: ACME.to_owned(), ..Default::default() };
        if root.list_app_connectors(live).await.unwrap().into_inner().app_connectors.is_empty() {
            return;
        }
        period.tick().await;
    }
    panic!("members of a deleted group still live");
}

#[tokio::test]
async fn a_group_in_use_is_not_deleted_and_while_provisioning_is_silent_only_with_force() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let group = registry.group("berlin").await;
    let delete = DeleteAppConnectorGroupRequest { name: group.name.clone(), ..Default::default() };
    let (kind, reason, failure) =
        refusal(registry.root().delete_app_connector_group(delete.clone()).await);
    assert_eq!((kind, reason.as_str()), (Kind::Unavailable, "KEYS_UNKNOWN"));
    assert!(failure.message().contains("force"), "{failure}");
    let force = DeleteAppConnectorGroupRequest { force: true, ..delete };
    let gone = registry.root().delete_app_connector_group(force).await.unwrap().into_inner();
    assert!(gone.delete_time.is_some());
    let get = GetAppConnectorGroupRequest { name: group.name, read_time: None };
    let shown = registry.root().get_app_connector_group(get).await.unwrap().into_inner();
    assert_eq!(shown, gone, "a soft-deleted group is shown");
    registry.stop().await;
}

#[tokio::test]
async fn a_delete_with_force_takes_the_members_along_and_leaves_the_server_groups() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let group = registry.group("berlin").await;
    registry.group("munich").await;
    let mut root = registry.root();
    for id in ["one", "two"] {
        root.create_server_group(server_group_request(id, &["berlin", "munich"])).await.unwrap();
    }
    let mut provisioning = registry.sibling("provisioning");
    for number in 1..=3 {
        provisioning.register_app_connector(registration(number)).await.unwrap();
    }
    let force = DeleteAppConnectorGroupRequest {
        name: group.name.clone(),
        force: true,
        ..Default::default()
    };
    let gone = root.delete_app_connector_group(force).await.unwrap().into_inner();
    let former: Vec<String> = ["one", "two"].map(|id| format!("{ACME}/serverGroups/{id}")).to_vec();
    assert_eq!(gone.former_server_groups, former);
    wait_until_nobody_lives(&mut root).await;
    let name = registration(1).name;
    let member =
        root.get_app_connector(GetAppConnectorRequest { name }).await.unwrap().into_inner();
    assert_eq!(member.deleted_with, group.name);
    let mut period = tokio::time::interval(Duration::from_millis(10));
    loop {
        let list = ListServerGroupsRequest { parent: ACME.to_owned(), ..Default::default() };
        let listed = root.list_server_groups(list).await.unwrap().into_inner().server_groups;
        let munich = [format!("{ACME}/appConnectorGroups/munich")];
        if listed.len() == 2 && listed.iter().all(|group| group.app_connector_groups == munich) {
            break;
        }
        period.tick().await;
    }
    registry.stop().await;
}

#[tokio::test]
async fn a_delete_with_a_stale_etag_is_aborted() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut root = registry.root();
    let made = root.create_server_group(server_group_request("s", &[])).await.unwrap().into_inner();
    let update = UpdateServerGroupRequest {
        server_group: Some(ServerGroup { description: "newer".to_owned(), ..made.clone() }),
        ..Default::default()
    };
    root.update_server_group(update).await.unwrap();
    let stale =
        DeleteServerGroupRequest { name: made.name.clone(), etag: made.etag, ..Default::default() };
    assert_eq!(refusal(root.delete_server_group(stale).await).0, Kind::Aborted);
    let dry = DeleteServerGroupRequest {
        name: made.name.clone(),
        validate_only: true,
        ..Default::default()
    };
    root.delete_server_group(dry).await.unwrap();
    let get = GetServerGroupRequest { name: made.name, read_time: None };
    let still = root.get_server_group(get).await.unwrap().into_inner();
    assert!(still.delete_time.is_none(), "validate_only deletes nothing");
    registry.stop().await;
}
