//! Who wrote a key and when, what it was at a time, and lists that are filtered and ordered.

use std::time::Duration;

use prost::Message as _;
use prost_types::Timestamp;
use proto::{
    provisioning::v1::{
        CreateProvisioningKeyRequest, DeleteProvisioningKeyRequest, GetEnrolmentRequest,
        GetProvisioningKeyRequest, ListEnrolmentsRequest, ListProvisioningKeysRequest,
        ListProvisioningKeysResponse, ProvisioningKey, UpdateProvisioningKeyRequest,
        provisioning_key::State,
    },
    r#type::v1::{AuditEvent, ListAuditEventsRequest},
};
use ring::digest::{SHA256, digest};
use rpc::time::to_proto;
use store::{At, IdempotencyKey, Key, ScanOptions, Store, StoreConfig};

use crate::{
    ground::{GROUP, Ground, TENANT, create, eventually, failure, key_of},
    newcomer::Newcomer,
    registry::Mood,
};

/// Longer than the time within which `read_time` means now.
const WHILE: Duration = Duration::from_secs(60);

/// Longer than a deleted key is kept.
const PURGED_AFTER: Duration = Duration::from_secs(30 * 24 * 3600 + 1);
/// What the sweep waits between two looks.
const SWEEP_PERIOD: Duration = Duration::from_secs(600);

async fn rename(ground: &Ground, name: &str, display_name: &str) {
    let key = ProvisioningKey {
        name: name.to_owned(),
        display_name: display_name.to_owned(),
        ..ProvisioningKey::default()
    };
    let request = UpdateProvisioningKeyRequest {
        provisioning_key: Some(key),
        ..UpdateProvisioningKeyRequest::default()
    };
    ground.api().update_provisioning_key(request).await.unwrap();
}

async fn delete(ground: &Ground, name: &str) {
    let request = DeleteProvisioningKeyRequest { name: name.to_owned(), ..Default::default() };
    ground.api().delete_provisioning_key(request).await.unwrap();
}

async fn events(ground: &Ground, filter: &str) -> Vec<AuditEvent> {
    let request = ListAuditEventsRequest {
        parent: TENANT.into(),
        filter: filter.into(),
        ..ListAuditEventsRequest::default()
    };
    ground.api().list_audit_events(request).await.unwrap().into_inner().audit_events
}

async fn as_of(ground: &Ground, name: &str, time: Timestamp) -> Result<ProvisioningKey, String> {
    let request = GetProvisioningKeyRequest { name: name.to_owned(), read_time: Some(time) };
    let answer = ground.api().get_provisioning_key(request).await;
    answer.map(|key| key.into_inner()).map_err(|status| failure(status).reason().to_owned())
}

fn all() -> ListProvisioningKeysRequest {
    ListProvisioningKeysRequest { parent: TENANT.into(), ..Default::default() }
}

async fn list(
    ground: &Ground,
    request: ListProvisioningKeysRequest,
) -> ListProvisioningKeysResponse {
    ground.api().list_provisioning_keys(request).await.unwrap().into_inner()
}

async fn names(ground: &Ground, request: ListProvisioningKeysRequest) -> Vec<String> {
    let keys = list(ground, request).await.provisioning_keys;
    keys.into_iter().map(|key| key.display_name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_write_of_a_key_says_who_and_when_and_what_changed() {
    let ground = Ground::start().await;
    let (made, secret) = ground.key(key_of("Berlin", 3)).await;
    ground.hand.advance(WHILE);
    Newcomer::new().enrol(&ground, &secret).await.unwrap();
    rename(&ground, &made.name, "Bonn").await;
    delete(&ground, &made.name).await;
    let told = events(&ground, "").await;
    let methods: Vec<_> = told.iter().map(|it| it.method.rsplit('/').next().unwrap()).collect();
    let expected = ["DeleteProvisioningKey", "UpdateProvisioningKey", "CreateProvisioningKey"];
    assert_eq!(methods, expected, "newest first, and no row of the join");
    for event in &told {
        assert_eq!((event.caller.as_str(), event.role.as_str()), ("token:admin", "ADMIN"));
        assert_eq!((&event.resource, &event.resource_uid), (&made.name, &made.uid));
        assert_eq!(event.resource_type, "causeway/ProvisioningKey");
        assert!(!event.source_address.is_empty() && !event.request_id.is_empty());
    }
    let key = |bytes: &[u8]| ProvisioningKey::decode(bytes).unwrap();
    assert_eq!(told[1].changed_paths, ["display_name"]);
    assert_eq!(key(&told[1].before).display_name, "Berlin");
    assert_eq!(key(&told[1].after).display_name, "Bonn");
    assert!(told[2].before.is_empty());
    assert_eq!(key(&told[0].after).state(), State::Deleted);
    assert!(told[0].event_time.unwrap().seconds > told[2].event_time.unwrap().seconds);
    assert_eq!(events(&ground, r#"method:"*/UpdateProvisioningKey""#).await.len(), 1);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_go_with_their_group_are_remembered_as_the_followers_deed() {
    let ground = Ground::start().await;
    let (made, _) = ground.key(key_of("Berlin", 3)).await;
    ground.registry.delete_group(GROUP);
    eventually("the key is deleted", || async {
        ground.read_key(&made.name).await.state() == State::Deleted
    })
    .await;
    let told = events(&ground, "").await;
    assert_eq!((told.len(), told[0].caller.as_str()), (2, "worker:follow-registry"));
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_and_a_list_are_answered_as_of_a_time() {
    let ground = Ground::start().await;
    let before = to_proto(ground.clock.now());
    ground.hand.advance(WHILE);
    let (made, secret) = ground.key(key_of("Berlin", 3)).await;
    ground.hand.advance(WHILE);
    let as_berlin = to_proto(ground.clock.now());
    ground.hand.advance(WHILE);
    rename(&ground, &made.name, "Bonn").await;
    ground.key(key_of("Aachen", 0)).await;
    ground.hand.advance(WHILE);
    let as_bonn = to_proto(ground.clock.now());
    ground.hand.advance(WHILE);
    delete(&ground, &made.name).await;
    ground.hand.advance(WHILE);
    Newcomer::new().refused(&ground, &secret).await;

    assert_eq!(as_of(&ground, &made.name, before).await.unwrap_err(), "RESOURCE_NOT_FOUND");
    let berlin = as_of(&ground, &made.name, as_berlin).await.unwrap();
    assert_eq!((berlin.display_name.as_str(), berlin.state()), ("Berlin", State::Active));
    assert_eq!(berlin.etag, made.etag);
    let bonn = as_of(&ground, &made.name, as_bonn).await.unwrap();
    assert_eq!((bonn.display_name.as_str(), bonn.state()), ("Bonn", State::Active));
    let ages_ago = Timestamp { seconds: 1_000_000_000, nanos: 0 };
    assert_eq!(as_of(&ground, &made.name, ages_ago).await.unwrap_err(), "READ_TIME_TOO_OLD");

    let at = |time, filter: &str| ListProvisioningKeysRequest {
        read_time: Some(time),
        filter: filter.into(),
        ..all()
    };
    assert!(names(&ground, at(before, "")).await.is_empty());
    assert_eq!(names(&ground, at(as_berlin, "")).await, ["Berlin"]);
    let mut then = names(&ground, at(as_bonn, "")).await;
    then.sort();
    assert_eq!(then, ["Aachen", "Bonn"]);
    assert_eq!(names(&ground, at(as_bonn, "max_uses = 3")).await, ["Bonn"]);
    let group =
        ListProvisioningKeysRequest { app_connector_group: GROUP.into(), ..at(as_bonn, "") };
    assert_eq!(names(&ground, group).await.len(), 2);
    assert_eq!(names(&ground, all()).await, ["Aachen"]);
    let everywhere = ListProvisioningKeysRequest { parent: "tenants/-".into(), ..at(as_bonn, "") };
    let refused = failure(ground.api().list_provisioning_keys(everywhere).await.unwrap_err());
    assert_eq!(refused.violations()[0].field, "read_time");
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_made_anew_under_an_old_id_sees_nothing_of_its_predecessor() {
    let ground = Ground::start().await;
    let (made, _) = ground.key(key_of("Berlin", 3)).await;
    ground.hand.advance(WHILE);
    let then = to_proto(ground.clock.now());
    ground.hand.advance(WHILE);
    delete(&ground, &made.name).await;
    ground.hand.advance(WHILE);
    assert_eq!(events(&ground, "").await.len(), 2);
    ground.registry.remake_tenant();
    assert!(events(&ground, "").await.is_empty());
    let past = ListProvisioningKeysRequest { read_time: Some(then), ..all() };
    assert!(names(&ground, past).await.is_empty());
    ground.key(key_of("Bonn", 3)).await;
    assert_eq!(events(&ground, "").await.len(), 1);
    ground.registry.mood(Mood::Away);
    let request = ListAuditEventsRequest { parent: TENANT.into(), ..Default::default() };
    let away = failure(ground.api().list_audit_events(request).await.unwrap_err());
    assert_eq!(away.reason(), "REGISTRY_UNAVAILABLE", "who the tenant is cannot be said");
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_filtered_by_any_field_ordered_and_counted() {
    let ground = Ground::start().await;
    let (_, secret) = ground.key(key_of("Cologne", 9)).await;
    ground.hand.advance(WHILE);
    ground.key(key_of("berlin", 2)).await;
    ground.hand.advance(WHILE);
    ground.key(key_of("Aachen", 5)).await;
    let joined = Newcomer::new().enrol(&ground, &secret).await.unwrap();
    let by = |order_by: &str, filter: &str| ListProvisioningKeysRequest {
        order_by: order_by.into(),
        filter: filter.into(),
        ..all()
    };
    assert_eq!(names(&ground, by("display_name", "")).await, ["Aachen", "berlin", "Cologne"]);
    assert_eq!(names(&ground, by("create_time desc", "")).await, ["Aachen", "berlin", "Cologne"]);
    assert_eq!(names(&ground, by("", "use_count > 0")).await, ["Cologne"]);
    let two = by("display_name", "max_uses > 2 AND display_name:*");
    assert_eq!(names(&ground, two).await, ["Aachen", "Cologne"]);
    assert_eq!(list(&ground, all()).await.total_size, Some(3));
    assert_eq!(list(&ground, by("", "max_uses > 2")).await.total_size, None);
    let first =
        list(&ground, ListProvisioningKeysRequest { page_size: 2, ..by("display_name", "") });
    let first = first.await;
    let token = first.next_page_token.clone();
    let rest =
        ListProvisioningKeysRequest { page_size: 2, page_token: token, ..by("display_name", "") };
    assert_eq!(names(&ground, rest).await, ["Cologne"]);
    for (order_by, filter, field) in [("max_uses", "", "order_by"), ("", "nonsense = 1", "filter")]
    {
        let refused = ground.api().list_provisioning_keys(by(order_by, filter)).await;
        assert_eq!(failure(refused.unwrap_err()).violations()[0].field, field);
    }
    let lines = |filter: String| ListEnrolmentsRequest {
        parent: TENANT.into(),
        filter,
        ..ListEnrolmentsRequest::default()
    };
    for (filter, found) in [
        (format!("app_connector = {:?} AND state = STATE_ACTIVE", joined.app_connector), 1),
        ("state = STATE_REVOKED".to_owned(), 0),
    ] {
        let answer = ground.api().list_enrolments(lines(filter)).await.unwrap().into_inner();
        assert_eq!(answer.enrolments.len(), found);
    }
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_of_another_tenant_is_refused_to_who_has_no_role_there() {
    let ground = Ground::start().await;
    let (made, _) = ground.key(key_of("Berlin", 3)).await;
    let mut other = ground.api_as_admin_of("tenants/other");
    let key = GetProvisioningKeyRequest { name: made.name.clone(), read_time: None };
    let enrolment = GetEnrolmentRequest { name: format!("{TENANT}/enrolments/e1") };
    let gone = DeleteProvisioningKeyRequest { name: made.name.clone(), ..Default::default() };
    let audit = ListAuditEventsRequest { parent: TENANT.into(), ..Default::default() };
    let below = ListProvisioningKeysRequest {
        parent: "tenants/other".into(),
        app_connector_group: GROUP.into(),
        ..Default::default()
    };
    for refused in [
        other.get_provisioning_key(key).await.unwrap_err(),
        other.get_enrolment(enrolment).await.unwrap_err(),
        other.delete_provisioning_key(gone).await.unwrap_err(),
        other.list_audit_events(audit).await.unwrap_err(),
    ] {
        assert_eq!(failure(refused).reason(), "RESOURCE_NOT_FOUND");
    }
    let refused = failure(other.list_provisioning_keys(below).await.unwrap_err());
    assert_eq!(refused.violations()[0].reason, "FOREIGN_TENANT");
    assert_eq!(ground.read_key(&made.name).await.state(), State::Active);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_write_in_a_tenant_is_told_so_before_what_is_wrong_with_the_key() {
    let ground = Ground::start().await;
    let request = CreateProvisioningKeyRequest {
        provisioning_key_id: "No Id".into(),
        request_id: "no uuid".into(),
        ..create(ProvisioningKey { max_uses: -1, ..key_of("", 0) })
    };
    let mut other = ground.api_as_admin_of("tenants/other");
    let refused = failure(other.create_provisioning_key(request.clone()).await.unwrap_err());
    assert_eq!(refused.reason(), "RESOURCE_NOT_FOUND");
    assert!(refused.violations().is_empty(), "{refused:?}");
    let refused = failure(ground.api().create_provisioning_key(request).await.unwrap_err());
    let fields: Vec<_> = refused.violations().iter().map(|it| it.field.as_str()).collect();
    let wrong = ["request_id", "provisioning_key_id"];
    assert!(fields.starts_with(&wrong) && fields.len() > wrong.len(), "{fields:?}");
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purged_key_is_remembered_and_not_taken_for_the_one_that_has_its_id_since() {
    let ground = Ground::start().await;
    let with_id = CreateProvisioningKeyRequest {
        provisioning_key_id: "k".into(),
        ..create(key_of("Berlin", 3))
    };
    let made = ground.api().create_provisioning_key(with_id.clone()).await.unwrap().into_inner();
    ground.hand.advance(WHILE);
    let as_made = to_proto(ground.clock.now());
    ground.hand.advance(WHILE);
    delete(&ground, &made.name).await;
    ground.hand.advance(WHILE);
    let as_deleted = to_proto(ground.clock.now());
    ground.hand.advance(PURGED_AFTER);
    eventually("the deleted key is purged", || async {
        ground.hand.advance(SWEEP_PERIOD);
        ground.api().create_provisioning_key(with_id.clone()).await.is_ok()
    })
    .await;
    let told = events(&ground, &format!("resource_uid = {}", made.uid)).await;
    let [purge, deletion, _creation] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(purge.caller, "worker:sweep-keys-and-revocations");
    assert!(purge.after.is_empty(), "nothing is left of it");
    assert_eq!(purge.before, deletion.after);
    let then = as_of(&ground, &made.name, as_made).await.unwrap();
    assert_eq!((then.uid.as_str(), then.state()), (made.uid.as_str(), State::Active));
    let deleted = as_of(&ground, &made.name, as_deleted).await.unwrap();
    assert_eq!((deleted.uid.as_str(), deleted.delete_time.is_some()), (made.uid.as_str(), true));
    let then = ListProvisioningKeysRequest { read_time: Some(as_made), ..all() };
    assert_eq!(names(&ground, then).await, ["Berlin"]);
    ground.stop().await;
}

/// Bytes of all rows below the tags, as text.
async fn rows(store: &Store, tags: impl Iterator<Item = u8>) -> String {
    let mut text = String::new();
    for tag in tags {
        let options = ScanOptions { after: None, limit: 1_000, at: At::Published };
        let page = store.scan(&Key::builder(tag).prefix(), options).await.unwrap();
        for row in page.rows {
            text.push_str(&String::from_utf8_lossy(row.key.as_bytes()));
            text.push_str(&String::from_utf8_lossy(&row.value));
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_row_of_history_holds_a_secret_or_its_hash() {
    let ground = Ground::start().await;
    let (made, secret) = ground.key(key_of("Berlin", 3)).await;
    rename(&ground, &made.name, "Bonn").await;
    delete(&ground, &made.name).await;
    let (_directory, store) = left_by(ground).await;
    let (body, _checksum) = secret.rsplit_once('_').unwrap();
    let hash = digest(&SHA256, body.as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let random = secret.split('_').nth(2).unwrap();
    let own = rows(&store, 1..=18).await;
    assert!(own.contains(&hash), "the key's own record has the hash");
    let history = rows(&store, resource::history::FIRST_TAG..=resource::history::LAST_TAG).await;
    assert!(history.contains("Berlin") && history.contains("Bonn"), "it remembers");
    assert!(!history.contains(&hash) && !history.contains(random), "{history}");
    assert!(!history.contains("secret"), "{history}");
    store.close().await;
}

/// The scope and fingerprint under which a request id is remembered never change: a repeat of a request that an older program answered
/// finds its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_is_remembered_by_method_and_caller() {
    const REQUEST_ID: &str = "6f0e3c58-6f0d-4a8e-9d0c-1d7d5a1f0009";
    let ground = Ground::start().await;
    let bare = create(key_of("Berlin", 3));
    let request = CreateProvisioningKeyRequest { request_id: REQUEST_ID.into(), ..bare.clone() };
    let made = ground.api().create_provisioning_key(request).await.unwrap().into_inner();
    let gone = DeleteProvisioningKeyRequest { name: made.name.clone(), ..Default::default() };
    let request = DeleteProvisioningKeyRequest { request_id: REQUEST_ID.into(), ..gone.clone() };
    ground.api().delete_provisioning_key(request).await.unwrap();
    let (_directory, store) = left_by(ground).await;
    for (scope, bare) in [
        ("CreateProvisioningKey token:admin", bare.encode_to_vec()),
        ("DeleteProvisioningKey token:admin", gone.encode_to_vec()),
    ] {
        let fingerprint = digest(&SHA256, &bare).as_ref().try_into().unwrap();
        let request_id = REQUEST_ID.parse().unwrap();
        let asked = IdempotencyKey { scope: scope.to_owned(), request_id, fingerprint };
        let found = store.find_committed(&asked).await.unwrap().unwrap();
        let answer = String::from_utf8(found.replay.unwrap().to_vec()).unwrap();
        assert_eq!(answer, format!(r#"{{"v":"1","name":"{}"}}"#, made.name), "{scope}");
    }
    store.close().await;
}

/// The store that a service leaves, opened at the time of its clock.
async fn left_by(ground: Ground) -> (tempfile::TempDir, Store) {
    let (now, copy) = (ground.clock.now(), tempfile::tempdir().unwrap());
    let place = copy.path().join("store");
    ground.stop_and_look(|directory| copy_all(&directory.join("store"), &place)).await;
    let store = Store::open(StoreConfig::new(place), move || now).await.unwrap();
    (copy, store)
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
