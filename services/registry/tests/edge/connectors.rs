use proto::registry::v1::*;
use rpc::Kind;

use crate::ground::{ACME, Registry, mask, refusal, registration};

async fn with_group() -> Registry {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    registry.group("berlin").await;
    registry
}

#[tokio::test]
async fn an_enrolment_makes_one_connector_however_often_it_is_repeated() {
    let mut registry = with_group().await;
    let mut provisioning = registry.sibling("provisioning");
    let made = provisioning.register_app_connector(registration(1)).await.unwrap().into_inner();
    assert_eq!(made.display_name, "berlin-1");
    assert_eq!(made.app_connector_group, format!("{ACME}/appConnectorGroups/berlin"));
    registry.restart().await;
    let mut provisioning = registry.sibling("provisioning");
    let again = provisioning.register_app_connector(registration(1)).await.unwrap().into_inner();
    assert_eq!(again, made);
    registry.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_repeats_of_one_enrolment_make_one_connector() {
    let registry = with_group().await;
    for number in 0..20 {
        let calls = (0..8).map(|_| {
            let mut provisioning = registry.sibling("provisioning");
            tokio::spawn(
                async move { provisioning.register_app_connector(registration(number)).await },
            )
        });
        let made = futures::future::join_all(calls).await;
        let uids: Vec<_> = made.into_iter().map(|a| a.unwrap().unwrap().into_inner().uid).collect();
        assert!(uids.iter().all(|uid| *uid == uids[0]), "{uids:?}");
    }
    registry.stop().await;
}

#[tokio::test]
async fn groups_and_tenants_that_are_off_or_gone_enrol_nobody() {
    let registry = with_group().await;
    let mut provisioning = registry.sibling("provisioning");
    let mut root = registry.root();
    let unknown = RegisterAppConnectorRequest {
        app_connector_group: format!("{ACME}/appConnectorGroups/none"),
        ..registration(1)
    };
    let (kind, reason, _) = refusal(provisioning.register_app_connector(unknown).await);
    assert_eq!((kind, reason.as_str()), (Kind::NotFound, "GROUP_NOT_FOUND"));

    let name = format!("{ACME}/appConnectorGroups/berlin");
    let off = UpdateAppConnectorGroupRequest {
        app_connector_group: Some(AppConnectorGroup {
            name: name.clone(),
            enabled: Some(false),
            ..Default::default()
        }),
        update_mask: mask(&["enabled"]),
        ..Default::default()
    };
    root.update_app_connector_group(off).await.unwrap();
    let (_, reason, _) = refusal(provisioning.register_app_connector(registration(1)).await);
    assert_eq!(reason, "GROUP_DISABLED");

    let suspended = UpdateTenantRequest {
        tenant: Some(Tenant {
            name: ACME.to_owned(),
            state: TenantState::Suspended.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    root.update_tenant(suspended).await.unwrap();
    let (_, reason, _) = refusal(provisioning.register_app_connector(registration(1)).await);
    assert_eq!(reason, "TENANT_SUSPENDED");

    let force = DeleteAppConnectorGroupRequest { name, force: true, ..Default::default() };
    root.delete_app_connector_group(force).await.unwrap();
    let active = UpdateTenantRequest {
        tenant: Some(Tenant {
            name: ACME.to_owned(),
            state: TenantState::Active.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    root.update_tenant(active).await.unwrap();
    let (_, reason, _) = refusal(provisioning.register_app_connector(registration(1)).await);
    assert_eq!(reason, "GROUP_NOT_FOUND");
    registry.stop().await;
}

#[tokio::test]
async fn an_abandoned_enrolment_meets_its_tombstone_and_a_made_one_cannot_be_abandoned() {
    let registry = with_group().await;
    let mut provisioning = registry.sibling("provisioning");
    let abandon = |number: u8| AbandonRegistrationRequest {
        enrolment: registration(number).enrolment,
        name: registration(number).name,
    };
    for _ in 0..2 {
        provisioning.abandon_registration(abandon(1)).await.unwrap();
    }
    let (_, reason, _) = refusal(provisioning.register_app_connector(registration(1)).await);
    assert_eq!(reason, "ENROLMENT_ABANDONED");
    let same_id = RegisterAppConnectorRequest { name: registration(1).name, ..registration(2) };
    let (_, reason, _) = refusal(provisioning.register_app_connector(same_id).await);
    assert_eq!(reason, "NAME_TAKEN", "the id is never given out again");

    provisioning.register_app_connector(registration(3)).await.unwrap();
    let (_, reason, failure) = refusal(provisioning.abandon_registration(abandon(3)).await);
    assert_eq!(reason, "REGISTRATION_STANDS");
    assert_eq!(failure.metadata_map()["app_connector"], registration(3).name);
    registry.stop().await;
}

#[tokio::test]
async fn a_key_pair_makes_one_connector_and_none_after_its_delete() {
    let registry = with_group().await;
    let mut provisioning = registry.sibling("provisioning");
    let made = provisioning.register_app_connector(registration(1)).await.unwrap().into_inner();
    let same_key = RegisterAppConnectorRequest {
        public_key_sha256: registration(1).public_key_sha256,
        ..registration(2)
    };
    let answer = provisioning.register_app_connector(same_key.clone()).await;
    let (kind, reason, _) = refusal(answer);
    assert_eq!((kind, reason.as_str()), (Kind::AlreadyExists, "PUBLIC_KEY_IN_USE"));
    let delete = DeleteAppConnectorRequest { name: made.name, ..Default::default() };
    registry.root().delete_app_connector(delete).await.unwrap();
    for late in [same_key, registration(1)] {
        let (_, reason, _) = refusal(provisioning.register_app_connector(late).await);
        assert_eq!(reason, "IDENTITY_REVOKED");
    }
    registry.stop().await;
}

#[tokio::test]
async fn a_connector_is_renamed_disabled_and_placed_by_an_administrator() {
    let registry = with_group().await;
    let mut provisioning = registry.sibling("provisioning");
    let made = provisioning.register_app_connector(registration(1)).await.unwrap().into_inner();
    let update = UpdateAppConnectorRequest {
        app_connector: Some(AppConnector {
            name: made.name.clone(),
            display_name: "Rack 7".to_owned(),
            enabled: Some(false),
            location: Some(crate::ground::berlin()),
            app_connector_group: "ignored, output only".to_owned(),
            ..Default::default()
        }),
        update_mask: mask(&["display_name", "enabled", "location"]),
        ..Default::default()
    };
    let changed = registry.root().update_app_connector(update).await.unwrap().into_inner();
    assert_eq!((changed.display_name.as_str(), changed.enabled), ("Rack 7", Some(false)));
    assert_eq!(changed.location.unwrap().effective_time_zone, "Europe/Berlin");
    assert_eq!(changed.app_connector_group, made.app_connector_group);
    registry.stop().await;
}

#[tokio::test]
async fn of_a_delete_and_many_registrations_at_once_nobody_is_left_in_a_deleted_group() {
    let registry = with_group().await;
    let joins = (1..=24).map(|number| {
        let mut provisioning = registry.sibling("provisioning");
        async move { provisioning.register_app_connector(registration(number)).await.is_ok() }
    });
    let name = format!("{ACME}/appConnectorGroups/berlin");
    let force = DeleteAppConnectorGroupRequest { name, force: true, ..Default::default() };
    let mut root = registry.root();
    let (joined, deleted) =
        tokio::join!(futures::future::join_all(joins), root.delete_app_connector_group(force));
    deleted.unwrap();
    let made = joined.into_iter().filter(|made| *made).count();
    let all = ListAppConnectorsRequest {
        parent: ACME.to_owned(),
        show_deleted: true,
        ..Default::default()
    };
    let listed = root.list_app_connectors(all.clone()).await.unwrap().into_inner();
    assert_eq!(listed.app_connectors.len(), made, "every success is there");
    crate::deletes::wait_until_nobody_lives(&mut root).await;
    registry.stop().await;
}
