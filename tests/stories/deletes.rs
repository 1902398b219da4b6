//! Deleting a group that others depend on.

use proto::{
    provisioning::v1::GetProvisioningKeyRequest,
    registry::v1::{DeleteAppConnectorGroupRequest, GetAppConnectorRequest},
};
use rpc::{Failure, Kind};
use testkit::{Connector, FRANKFURT, System, eventually};

/// Nothing is left behind by a delete, and nothing that is in use goes by mistake: every blocker is named, whichever
/// service owns it.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_in_use_names_its_keys_and_members_and_goes_with_them_when_forced() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let key = tenant.key("k", &group, 5).await.unwrap();
    let secret = key.issued_secret.clone().unwrap();
    let mut registry = system.administrator().registry;

    let delete = DeleteAppConnectorGroupRequest { name: group.name.clone(), ..Default::default() };
    let status = registry.delete_app_connector_group(delete.clone()).await.unwrap_err();
    let failure = Failure::from_status(&status);
    assert_eq!((failure.kind(), failure.reason()), (Kind::FailedPrecondition, "REFERENCED"));
    assert!(failure.message().contains(&key.name), "{failure}");

    let connector = Connector::start(&secret.join_token);
    let member = connector.reporting().await;
    let status = registry.delete_app_connector_group(delete.clone()).await.unwrap_err();
    let failure = Failure::from_status(&status);
    assert!(failure.message().contains(&key.name), "{failure}");
    assert!(failure.message().contains(&member.to_string()), "{failure}");

    let force = DeleteAppConnectorGroupRequest { force: true, ..delete };
    registry.delete_app_connector_group(force).await.unwrap();
    let late = Connector::start(&secret.join_token);
    assert!(late.joined_or_ended().await.is_err(), "a key of a deleted group enrols nobody");
    eventually("the member is deleted with its group", || {
        let mut registry = registry.clone();
        let get = GetAppConnectorRequest { name: member.to_string() };
        let group = group.name.clone();
        async move {
            let found = registry.get_app_connector(get).await.unwrap().into_inner();
            let gone = found.delete_time.is_some() && found.deleted_with == group;
            gone.then_some(()).ok_or("it still lives")
        }
    })
    .await;
    eventually("the key is deleted with its group", || {
        let mut provisioning = system.administrator().provisioning;
        let get = GetProvisioningKeyRequest { name: key.name.clone(), read_time: None };
        async move {
            let found = provisioning.get_provisioning_key(get).await.unwrap().into_inner();
            found.delete_time.is_some().then_some(()).ok_or("it still lives")
        }
    })
    .await;
    drop(connector);
    system.stop().await.unwrap();
}
