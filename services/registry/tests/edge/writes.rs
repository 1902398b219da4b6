use proto::registry::v1::*;
use rpc::Kind;

use crate::ground::{Registry, berlin, fields, group_request, mask, refusal};

fn rename(group: &AppConnectorGroup, to: &str) -> UpdateAppConnectorGroupRequest {
    UpdateAppConnectorGroupRequest {
        app_connector_group: Some(AppConnectorGroup {
            name: group.name.clone(),
            display_name: to.to_owned(),
            etag: group.etag.clone(),
            ..AppConnectorGroup::default()
        }),
        update_mask: mask(&["display_name"]),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_stale_etag_is_aborted_with_the_current_one_which_then_works() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let group = registry.group("berlin").await;
    let newer =
        registry.root().update_app_connector_group(rename(&group, "B")).await.unwrap().into_inner();
    let answer = registry.root().update_app_connector_group(rename(&group, "C")).await;
    let (kind, reason, failure) = refusal(answer);
    assert_eq!((kind, reason.as_str()), (Kind::Aborted, "ETAG_MISMATCH"));
    assert_eq!(failure.metadata_map()["etag"], newer.etag);
    let current = AppConnectorGroup { etag: failure.metadata_map()["etag"].clone(), ..group };
    registry.root().update_app_connector_group(rename(&current, "C")).await.unwrap();
    registry.stop().await;
}

#[tokio::test]
async fn an_update_changes_what_the_mask_names_and_nothing_else() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let group = registry.group("berlin").await;
    let mut update = rename(&group, "ignored");
    update.app_connector_group.as_mut().unwrap().enabled = Some(false);
    update.update_mask = mask(&["enabled"]);
    let off = registry.root().update_app_connector_group(update).await.unwrap().into_inner();
    assert_eq!(off.enabled, Some(false));
    assert_eq!(
        (off.display_name, off.location),
        (group.display_name.clone(), group.location.clone())
    );
    // `*` takes everything; an absent boolean takes its documented default.
    let all = UpdateAppConnectorGroupRequest {
        app_connector_group: Some(AppConnectorGroup {
            name: group.name,
            display_name: "All new".to_owned(),
            location: Some(berlin()),
            ..AppConnectorGroup::default()
        }),
        update_mask: mask(&["*"]),
        ..Default::default()
    };
    let on = registry.root().update_app_connector_group(all).await.unwrap().into_inner();
    assert_eq!(on.enabled, Some(true));
    registry.stop().await;
}

#[tokio::test]
async fn unknown_mask_paths_are_named_with_every_other_problem() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let group = registry.group("berlin").await;
    let mut update = rename(&group, "");
    update.update_mask = mask(&["display_name", "colour", "uid"]);
    let (_, reason, failure) = refusal(registry.root().update_app_connector_group(update).await);
    assert_eq!(reason, "FIELDS_INVALID");
    assert_eq!(
        fields(&failure),
        ["update_mask", "update_mask", "app_connector_group.display_name"]
    );
    assert!(failure.violations()[0].description.contains("location.time_zone"), "{failure:?}");
    registry.stop().await;
}

#[tokio::test]
async fn a_wrong_name_is_told_together_with_the_mask_and_the_request_id() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut group = registry.group("berlin").await;
    group.name = "tenants/acme/appConnectorGroups/Berlin!".to_owned();
    let mut update = rename(&group, "Berlin");
    update.update_mask = mask(&["colour"]);
    update.request_id = "once".to_owned();
    let (_, reason, failure) = refusal(registry.root().update_app_connector_group(update).await);
    assert_eq!(reason, "FIELDS_INVALID");
    assert_eq!(fields(&failure), ["request_id", "update_mask", "app_connector_group.name"]);
    assert!(failure.violations()[0].description.contains("must be a UUID"), "{failure:?}");
    registry.stop().await;
}

#[tokio::test]
async fn an_update_that_changes_nothing_keeps_the_etag() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let group = registry.group("berlin").await;
    let same = rename(&group, &group.display_name);
    let answer = registry.root().update_app_connector_group(same).await.unwrap().into_inner();
    assert_eq!(answer, group);
    registry.stop().await;
}

#[tokio::test]
async fn a_repeat_answers_with_the_first_success_and_another_request_under_its_id_is_refused() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let request = CreateAppConnectorGroupRequest {
        request_id: "2f7e7c2e-0d5b-4f8e-8a64-6f3b1f0c9a11".to_owned(),
        ..group_request("berlin")
    };
    let mut root = registry.root();
    let first = root.create_app_connector_group(request.clone()).await.unwrap().into_inner();
    let mut changed = first.clone();
    changed.display_name = "Changed since".to_owned();
    root.update_app_connector_group(rename(&changed, "Changed since")).await.unwrap();
    let again = root.create_app_connector_group(request.clone()).await.unwrap().into_inner();
    assert_eq!(again, first);
    let other = CreateAppConnectorGroupRequest {
        request_id: request.request_id.clone(),
        ..group_request("munich")
    };
    let (kind, reason, _) = refusal(root.create_app_connector_group(other).await);
    assert_eq!((kind, reason.as_str()), (Kind::InvalidArgument, "REQUEST_ID_REUSED"));
    registry.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_repeats_make_one_group() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    for round in 0..20 {
        let request = CreateAppConnectorGroupRequest {
            request_id: format!("2f7e7c2e-0d5b-4f8e-8a64-6f3b1f0c9b{round:02}"),
            ..group_request(&format!("g{round}"))
        };
        let calls = (0..8).map(|_| {
            let (mut root, request) = (registry.root(), request.clone());
            tokio::spawn(async move { root.create_app_connector_group(request).await })
        });
        let made = futures::future::join_all(calls).await;
        let made: Vec<_> = made.into_iter().map(|a| a.unwrap().unwrap().into_inner()).collect();
        assert!(made.iter().all(|group| *group == made[0]), "{made:#?}");
    }
    registry.stop().await;
}

#[tokio::test]
async fn validate_only_checks_everything_and_writes_nothing() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let dry = CreateAppConnectorGroupRequest { validate_only: true, ..group_request("berlin") };
    let shown = registry.root().create_app_connector_group(dry.clone()).await.unwrap().into_inner();
    assert_eq!(shown.location.unwrap().effective_time_zone, "Europe/Berlin");
    assert_eq!(shown.etag, "");
    registry.group("berlin").await;
    let (kind, reason, _) = refusal(registry.root().create_app_connector_group(dry).await);
    assert_eq!((kind, reason.as_str()), (Kind::AlreadyExists, "NAME_TAKEN"));
    registry.stop().await;
}

#[tokio::test]
async fn display_names_that_look_alike_are_taken_and_free_again_after_a_rename() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let first = registry.group("berlin").await;
    let mut second = group_request("other");
    second.app_connector_group.as_mut().unwrap().display_name = "ＧＲＯＵＰ BERLIN".to_owned();
    let mut root = registry.root();
    let (kind, reason, failure) = refusal(root.create_app_connector_group(second.clone()).await);
    assert_eq!((kind, reason.as_str()), (Kind::AlreadyExists, "DISPLAY_NAME_TAKEN"));
    assert!(failure.message().contains(&first.name), "{failure}");
    root.update_app_connector_group(rename(&first, "Spree")).await.unwrap();
    root.create_app_connector_group(second).await.unwrap();
    registry.stop().await;
}

#[tokio::test]
async fn a_quota_ends_in_resource_exhausted_and_a_delete_makes_room() {
    let registry = Registry::start_with(|config| config.quotas.server_groups = 1).await;
    registry.tenant("acme").await;
    let mut root = registry.root();
    let request = |id| crate::ground::server_group_request(id, &[]);
    let one = root.create_server_group(request("a")).await.unwrap().into_inner();
    let (kind, reason, failure) = refusal(root.create_server_group(request("b")).await);
    assert_eq!((kind, reason.as_str()), (Kind::ResourceExhausted, "QUOTA_EXCEEDED"));
    assert_eq!(failure.quotas()[0].subject, "tenants/acme");
    let delete = DeleteServerGroupRequest { name: one.name, ..Default::default() };
    root.delete_server_group(delete).await.unwrap();
    root.create_server_group(request("b")).await.unwrap();
    registry.stop().await;
}
