//! Keys as operators handle them.

use std::time::Duration;

use proto::provisioning::v1::{
    AcceptSnapshotRequest, BackupRequest, CreateProvisioningKeyRequest,
    DeleteProvisioningKeyRequest, ListProvisioningKeysRequest, ProvisioningKey,
    UpdateProvisioningKeyRequest, issued_secret::SecretState, provisioning_key::State,
};
use proto::registry::v1::AppConnectorGroup;
use rpc::{Failure, Kind, time::to_proto};

use crate::{
    ground::{GROUP, Ground, TENANT, create, eventually, failure, key_of},
    newcomer::Newcomer,
    registry::Mood,
};

async fn update(
    ground: &Ground,
    key: ProvisioningKey,
    paths: &[&str],
) -> Result<ProvisioningKey, Failure> {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let request = UpdateProvisioningKeyRequest {
        provisioning_key: Some(key),
        update_mask: Some(prost_types::FieldMask { paths }),
        ..UpdateProvisioningKeyRequest::default()
    };
    let answer = ground.api().update_provisioning_key(request).await;
    answer.map(|answer| answer.into_inner()).map_err(failure)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_shown_once_and_nothing_kept_holds_it() {
    let ground = Ground::start().await;
    let request = CreateProvisioningKeyRequest {
        request_id: "6f0e3c58-6f0d-4a8e-9d0c-1d7d5a1f0001".into(),
        ..create(key_of("Berlin", 3))
    };
    let made = ground.api().create_provisioning_key(request.clone()).await.unwrap().into_inner();
    let issued = made.issued_secret.clone().unwrap();
    assert_eq!(issued.state(), SecretState::Shown);
    let again = ground.api().create_provisioning_key(request.clone()).await.unwrap().into_inner();
    assert_eq!(again.name, made.name, "one request, one key");
    assert_eq!(again.issued_secret.unwrap().state(), SecretState::AlreadyShown);
    let other =
        CreateProvisioningKeyRequest { provisioning_key: Some(key_of("Other", 3)), ..request };
    let reused = failure(ground.api().create_provisioning_key(other).await.unwrap_err());
    assert_eq!(reused.reason(), "REQUEST_ID_REUSED");
    assert!(ground.read_key(&made.name).await.issued_secret.is_none());
    Newcomer::new().enrol(&ground, &issued.secret).await.unwrap();
    let random = issued.secret.split('_').nth(2).unwrap().to_owned();
    ground
        .stop_and_look(|store| {
            let store = store.join("store");
            assert!(stands_in(&store, "Berlin"), "the search finds what is kept");
            assert!(!stands_in(&store, &random), "the secret is kept");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_answers_what_the_first_one_wrote_whoever_wrote_or_joined_since() {
    let ground = Ground::start().await;
    let create = CreateProvisioningKeyRequest {
        request_id: "6f0e3c58-6f0d-4a8e-9d0c-1d7d5a1f0002".into(),
        ..create(key_of("Berlin", 3))
    };
    let made = ground.api().create_provisioning_key(create.clone()).await.unwrap().into_inner();
    let rename = |display_name: &str, request_id: &str| UpdateProvisioningKeyRequest {
        provisioning_key: Some(ProvisioningKey {
            name: made.name.clone(),
            display_name: display_name.into(),
            ..ProvisioningKey::default()
        }),
        request_id: request_id.into(),
        ..UpdateProvisioningKeyRequest::default()
    };
    let first = rename("Bonn", "6f0e3c58-6f0d-4a8e-9d0c-1d7d5a1f0003");
    let written = ground.api().update_provisioning_key(first.clone()).await.unwrap().into_inner();
    ground.api().update_provisioning_key(rename("Paris", "")).await.unwrap();
    let secret = made.issued_secret.clone().unwrap().secret;
    Newcomer::new().enrol(&ground, &secret).await.unwrap();

    let again = ground.api().update_provisioning_key(first).await.unwrap().into_inner();
    assert_eq!((again.display_name.as_str(), again.use_count), ("Bonn", 0));
    assert_eq!(again.etag, written.etag);
    let again = ground.api().create_provisioning_key(create).await.unwrap().into_inner();
    assert_eq!((again.display_name.as_str(), again.use_count), ("Berlin", 0));
    assert_eq!(again.etag, made.etag);
    ground.stop().await;
}

/// Whether a text stands in any file below a directory.
fn stands_in(directory: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(directory).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return stands_in(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_wrong_with_a_key_is_told_at_once() {
    let ground = Ground::start().await;
    let key = ProvisioningKey {
        display_name: String::new(),
        app_connector_group: "tenants/other/appConnectorGroups/x".into(),
        max_uses: -1,
        allowed_cidrs: vec!["10.0.0.1/8".into()],
        max_live: 5,
        ..ProvisioningKey::default()
    };
    let refused = failure(ground.api().create_provisioning_key(create(key)).await.unwrap_err());
    let mut fields: Vec<_> = refused.violations().iter().map(|v| v.field.as_str()).collect();
    fields.sort_unstable();
    let expected =
        ["allowed_cidrs[0]", "app_connector_group", "display_name", "max_live", "max_uses"];
    assert_eq!(fields, expected.map(|field| format!("provisioning_key.{field}")));
    let nowhere = ProvisioningKey {
        app_connector_group: format!("{TENANT}/appConnectorGroups/nowhere"),
        ..key_of("Berlin", 0)
    };
    let refused = failure(ground.api().create_provisioning_key(create(nowhere)).await.unwrap_err());
    assert_eq!((refused.kind(), refused.reason()), (Kind::FailedPrecondition, "GROUP_NOT_FOUND"));
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_taken_while_their_key_lives_and_ids_until_it_is_purged() {
    let ground = Ground::start().await;
    let with_id = |id: &str, name: &str| CreateProvisioningKeyRequest {
        provisioning_key_id: id.into(),
        ..create(key_of(name, 0))
    };
    let reason = |request| async {
        failure(ground.api().create_provisioning_key(request).await.unwrap_err())
            .reason()
            .to_owned()
    };
    ground.api().create_provisioning_key(with_id("k", "Berlin")).await.unwrap();
    assert_eq!(reason(with_id("k", "Other")).await, "NAME_TAKEN");
    assert_eq!(reason(with_id("l", "BERLIN")).await, "DISPLAY_NAME_TAKEN");
    let name = format!("{TENANT}/provisioningKeys/k");
    let request = DeleteProvisioningKeyRequest { name: name.clone(), ..Default::default() };
    let deleted = ground.api().delete_provisioning_key(request).await.unwrap().into_inner();
    assert_eq!(deleted.state(), State::Deleted);
    assert!(deleted.purge_time.is_some());
    assert_eq!(reason(with_id("k", "Other")).await, "NAME_TAKEN");
    ground.api().create_provisioning_key(with_id("l", "Berlin")).await.unwrap();
    ground.hand.advance(Duration::from_secs(30 * 24 * 3600 + 1));
    eventually("the deleted key is purged", || async {
        ground.hand.advance(Duration::from_secs(600));
        ground.api().create_provisioning_key(with_id("k", "Third")).await.is_ok()
    })
    .await;
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_changes_what_its_mask_names_and_a_stale_etag_is_aborted() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 3)).await;
    Newcomer::new().enrol(&ground, &secret).await.unwrap();
    let read = ground.read_key(&key.name).await;
    assert_eq!(read.etag, key.etag, "a use does not move the etag");
    let wanted = ProvisioningKey { max_uses: 5, display_name: "Ignored".into(), ..read.clone() };
    let updated = update(&ground, wanted.clone(), &["max_uses"]).await.unwrap();
    assert_eq!((updated.max_uses, updated.display_name.as_str()), (5, "Berlin"));
    let stale = update(&ground, wanted, &["max_uses"]).await.unwrap_err();
    assert_eq!((stale.kind(), stale.reason()), (Kind::Aborted, "ETAG_MISMATCH"));
    assert_eq!(stale.metadata_map()["etag"], updated.etag);
    let name = key.name.clone();
    let bare = |max_uses| ProvisioningKey { name: name.clone(), max_uses, ..Default::default() };
    Newcomer::new().enrol(&ground, &secret).await.unwrap();
    let below = update(&ground, bare(1), &["max_uses"]).await.unwrap_err();
    assert_eq!(below.violations()[0].reason, "BELOW_USE_COUNT");
    assert_eq!(update(&ground, bare(2), &["max_uses"]).await.unwrap().state(), State::Exhausted);
    let unknown = update(&ground, bare(2), &["app_connector_group", "nonsense"]).await.unwrap_err();
    assert_eq!(unknown.violations().len(), 2);
    let past = ProvisioningKey { expire_time: Some(to_proto(ground.clock.now())), ..bare(2) };
    let past = update(&ground, past, &["expire_time"]).await.unwrap_err();
    assert_eq!(past.violations()[0].field, "provisioning_key.expire_time");
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_of_a_group_are_listed_with_their_counts_in_pages_of_one_revision() {
    let ground = Ground::start().await;
    let other = format!("{TENANT}/appConnectorGroups/hamburg");
    ground.registry.group(&other, true);
    for n in 0..5 {
        ground.key(key_of(&format!("Berlin {n}"), 9)).await;
    }
    let hamburg = ProvisioningKey { app_connector_group: other.clone(), ..key_of("Hamburg", 2) };
    let (_, secret) = ground.key(hamburg).await;
    Newcomer::new().enrol(&ground, &secret).await.unwrap();
    let list = |group: &str, size, token: String| {
        let request = ListProvisioningKeysRequest {
            parent: TENANT.into(),
            page_size: size,
            page_token: token,
            app_connector_group: group.into(),
            ..ListProvisioningKeysRequest::default()
        };
        let mut api = ground.api();
        async move { api.list_provisioning_keys(request).await.map(|a| a.into_inner()) }
    };
    let found = list(&other, 0, String::new()).await.unwrap().provisioning_keys;
    let counts: Vec<_> = found.iter().map(|key| (key.use_count, key.max_uses)).collect();
    assert_eq!(counts, [(1, 2)]);
    let first = list(GROUP, 2, String::new()).await.unwrap();
    ground.key(key_of("Berlin 00", 9)).await;
    let mut names: Vec<_> = first.provisioning_keys.into_iter().map(|key| key.name).collect();
    let mut token = first.next_page_token;
    let foreign = list(&other, 2, token.clone()).await.unwrap_err();
    assert_eq!(failure(foreign).reason(), "PAGE_TOKEN_OTHER_QUERY");
    while !token.is_empty() {
        let page = list(GROUP, 2, token).await.unwrap();
        names.extend(page.provisioning_keys.into_iter().map(|key| key.name));
        token = page.next_page_token;
    }
    assert_eq!(names.len(), 5, "a key made after the first page is not of its revision");
    assert!(names.is_sorted());
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_made_at_once_all_come_to_be_and_are_counted() {
    const AT_ONCE: usize = 24;
    let ground = Ground::start().await;
    let make = |n: usize| {
        let (mut api, request) = (ground.api(), create(key_of(&format!("Berlin {n}"), 0)));
        async move { api.create_provisioning_key(request).await }
    };
    for made in futures::future::join_all((0..AT_ONCE).map(make)).await {
        made.unwrap();
    }
    let request = ListProvisioningKeysRequest {
        parent: TENANT.into(),
        ..ListProvisioningKeysRequest::default()
    };
    let listed = ground.api().list_provisioning_keys(request).await.unwrap().into_inner();
    assert_eq!(listed.provisioning_keys.len(), AT_ONCE);
    assert_eq!(listed.total_size, Some(24));
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_a_whole_store() {
    let ground = Ground::start().await;
    ground.key(key_of("Berlin", 1)).await;
    let mut stream = ground.api().backup(BackupRequest {}).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = stream.message().await.unwrap() {
        bytes.extend_from_slice(&part.chunk);
    }
    let file = ground.directory.path().join("copy");
    std::fs::write(&file, bytes).unwrap();
    assert!(store::verify(&file).await.unwrap().rows >= 5);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_of_a_deleted_group_go_with_it_also_when_it_happened_in_our_absence() {
    let ground = Ground::start().await;
    let other = format!("{TENANT}/appConnectorGroups/hamburg");
    ground.registry.group(&other, true);
    let (berlin, secret) = ground.key(key_of("Berlin", 0)).await;
    let hamburg = ProvisioningKey { app_connector_group: other.clone(), ..key_of("Hamburg", 0) };
    let (hamburg, _) = ground.key(hamburg).await;
    ground.registry.delete_group(GROUP);
    eventually("the key is deleted", || async {
        ground.read_key(&berlin.name).await.state() == State::Deleted
    })
    .await;
    assert_eq!(ground.read_key(&berlin.name).await.deleted_with, GROUP);
    assert_eq!(Newcomer::new().refused(&ground, &secret).await, "KEY_UNKNOWN");
    assert_eq!(ground.read_key(&hamburg.name).await.state(), State::Active);
    let registry = ground.registry.clone();
    let ground = ground.restart_after(|| registry.delete_group(&other)).await;
    eventually("the other key is deleted", || async {
        ground.read_key(&hamburg.name).await.state() == State::Deleted
    })
    .await;
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_restored_registry_names_as_deleted_takes_keys_with_it_only_when_it_is_accepted() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 0)).await;
    eventually("registry is followed", || async {
        ground.is_serving("provisioning/registry") == Some(true)
    })
    .await;
    let registry = ground.registry.clone();
    let ground = ground
        .restart_after(|| {
            registry.restore();
            registry.delete_group(GROUP);
        })
        .await;
    eventually("its snapshot is refused", || async {
        ground.is_serving("provisioning/registry/snapshot") == Some(false)
    })
    .await;
    assert_eq!(ground.read_key(&key.name).await.state(), State::Active);
    let accept = |snapshot: String, validate_only| {
        let source = "registry".to_owned();
        let request = AcceptSnapshotRequest { source, snapshot, validate_only };
        let mut api = ground.api();
        async move { api.accept_snapshot(request).await.unwrap().into_inner().snapshot.unwrap() }
    };
    let refused = accept(String::new(), true).await;
    assert!(refused.epoch_changed && refused.missing.is_empty(), "{refused:?}");
    accept(refused.snapshot, false).await;
    assert_eq!(ground.read_key(&key.name).await.state(), State::Deleted);
    assert_eq!(Newcomer::new().refused(&ground, &secret).await, "KEY_UNKNOWN");
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_and_its_group_are_made_in_one_call_and_what_fails_says_which_half_stands() {
    let ground = Ground::start().await;
    let named = |display_name: &str| AppConnectorGroup {
        display_name: display_name.into(),
        ..AppConnectorGroup::default()
    };
    let request = |id: &str, key: &str, group: AppConnectorGroup| CreateProvisioningKeyRequest {
        provisioning_key: Some(ProvisioningKey {
            app_connector_group: format!("{TENANT}/appConnectorGroups/{id}"),
            ..key_of(key, 1)
        }),
        new_app_connector_group: Some(group),
        ..create(ProvisioningKey::default())
    };
    let refused = |request| async {
        failure(ground.api().create_provisioning_key(request).await.unwrap_err())
    };
    let nameless = refused(request("paris", "Paris", named(""))).await;
    assert_eq!(nameless.violations()[0].field, "new_app_connector_group.display_name");
    let checked = CreateProvisioningKeyRequest {
        validate_only: true,
        ..request("paris", "Paris", named("Paris"))
    };
    ground.api().create_provisioning_key(checked).await.unwrap();
    ground.registry.mood(Mood::Away);
    let away = refused(request("paris", "Paris", named("Paris"))).await;
    assert_eq!(away.reason(), "REGISTRY_UNAVAILABLE");
    ground.registry.mood(Mood::Well);
    assert_eq!(ground.registry.groups(), [GROUP], "nothing was made so far");
    let made = request("paris", "Paris", named("Paris"));
    let made = ground.api().create_provisioning_key(made).await.unwrap().into_inner();
    let joined = Newcomer::new().enrol(&ground, &made.issued_secret.unwrap().secret).await.unwrap();
    assert_eq!(joined.app_connector_group, format!("{TENANT}/appConnectorGroups/paris"));
    let taken = refused(request("lyon", "Paris", named("Lyon"))).await;
    assert_eq!(taken.reason(), "DISPLAY_NAME_TAKEN");
    assert_eq!(
        ground.registry.groups().len(),
        2,
        "a key that is sure to fail leaves no group behind"
    );
    ground.stop().await;
}
