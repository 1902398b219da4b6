//! Who wrote what and when, and what was written at a time.

use std::time::Duration;

use prost::Message as _;
use proto::{
    r#type::v1::{AuditEvent, ListAuditEventsRequest},
    updates::v1::{
        Freeze, GetUpdateScheduleRequest, UpdatePolicy, UpdateSchedule, UpdateUpdatePolicyRequest,
        UpdateUpdateScheduleRequest,
    },
};
use rpc::{Failure, Kind};
use store::{IdempotencyKey, ReplayError, Store, StoreConfig};

use crate::{
    ground::{
        ADMIN, Client, Ground, STRANGER, Serving, VIEWER, get, ground, schedule_name, time, until,
    },
    registry::{FIRST, SECOND},
};

const REQUEST_ID: &str = "0190b4f2-7a3c-7def-8a21-3f5f0c9b6d11";

async fn serving() -> (Ground, Serving) {
    let ground = ground();
    ground.told.group("berlin", "Europe/Berlin");
    let serving = ground.start().await;
    get(&mut serving.admin(), "berlin").await.unwrap();
    (ground, serving)
}

fn write(enabled: bool) -> UpdateUpdateScheduleRequest {
    let name = schedule_name("berlin");
    UpdateUpdateScheduleRequest {
        update_schedule: Some(UpdateSchedule {
            name,
            enabled: Some(enabled),
            ..UpdateSchedule::default()
        }),
        ..UpdateUpdateScheduleRequest::default()
    }
}

async fn write_at(
    ground: &Ground,
    client: &mut Client,
    now: &str,
    enabled: bool,
) -> UpdateSchedule {
    ground.hands.set(now.parse().unwrap());
    client.update_update_schedule(write(enabled)).await.unwrap().into_inner()
}

async fn read_at(client: &mut Client, at: &str) -> Result<UpdateSchedule, Failure> {
    let request = GetUpdateScheduleRequest { name: schedule_name("berlin"), read_time: time(at) };
    let answer = client.get_update_schedule(request).await;
    answer.map(tonic::Response::into_inner).map_err(|status| Failure::from_status(&status))
}

async fn events(client: &mut Client, filter: &str) -> Vec<AuditEvent> {
    let request = ListAuditEventsRequest {
        parent: "tenants/acme".into(),
        filter: filter.into(),
        ..ListAuditEventsRequest::default()
    };
    client.list_audit_events(request).await.unwrap().into_inner().audit_events
}

fn schedule_in(bytes: &[u8]) -> UpdateSchedule {
    UpdateSchedule::decode(bytes).unwrap()
}

#[tokio::test]
async fn every_write_says_who_wrote_it_when_and_what_stood_before() {
    let (ground, serving) = serving().await;
    let mut client = serving.admin();
    let first = write_at(&ground, &mut client, "2026-11-23T14:10:00Z", false).await;
    let second = write_at(&ground, &mut client, "2026-11-23T14:20:00Z", true).await;
    ground.hands.set("2026-11-23T14:30:00Z".parse().unwrap());
    let policy = UpdatePolicy {
        name: "tenants/acme/updatePolicy".into(),
        version_profile: "versionProfiles/new-release".into(),
        ..UpdatePolicy::default()
    };
    let request = UpdateUpdatePolicyRequest { update_policy: Some(policy), ..Default::default() };
    client.update_update_policy(request).await.unwrap();

    let told = events(&mut serving.client(VIEWER), "").await;
    let [of_policy, later, earlier] = told.as_slice() else { panic!("{told:?}") };
    for (event, method, resource) in [
        (of_policy, "UpdateUpdatePolicy", "causeway/UpdatePolicy"),
        (later, "UpdateUpdateSchedule", "causeway/UpdateSchedule"),
        (earlier, "UpdateUpdateSchedule", "causeway/UpdateSchedule"),
    ] {
        assert_eq!((event.caller.as_str(), event.role.as_str()), ("token:admin", "ADMIN"));
        assert_eq!(event.method, format!("causeway.updates.v1.UpdatesService/{method}"));
        assert_eq!(event.resource_type, resource);
        assert!(!event.source_address.is_empty() && !event.request_id.is_empty());
    }
    assert_eq!(earlier.resource, schedule_name("berlin"));
    assert_eq!(earlier.resource_uid, FIRST);
    assert_eq!(earlier.event_time, time("2026-11-23T14:10:00Z"));
    assert!(earlier.before.is_empty(), "nothing was written before");
    let after = schedule_in(&earlier.after);
    assert_eq!((after.enabled, &after.etag), (Some(false), &first.etag));
    assert_eq!(after.next_periodic_update, None, "only what was written");
    assert_eq!((&later.before, &later.changed_paths), (&earlier.after, &vec!["enabled".into()]));
    assert_eq!(schedule_in(&later.after).etag, second.etag);
    let profile = UpdatePolicy::decode(of_policy.after.as_ref()).unwrap().version_profile;
    assert_eq!(profile, "versionProfiles/new-release");

    let only = events(&mut client, r#"resource = "tenants/acme/updatePolicy""#).await;
    assert_eq!(only, std::slice::from_ref(of_policy));
    let foreign = ListAuditEventsRequest { parent: "tenants/acme".into(), ..Default::default() };
    let refused = serving.client(STRANGER).list_audit_events(foreign).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
    serving.stop().await;
}

#[tokio::test]
async fn a_schedule_is_shown_as_it_was_with_what_followed_from_it_then() {
    let (ground, serving) = serving().await;
    let mut client = serving.admin();
    let defaults = get(&mut client, "berlin").await.unwrap();
    let off = write_at(&ground, &mut client, "2026-11-24T14:00:00Z", false).await;
    let on = write_at(&ground, &mut client, "2026-12-01T14:00:00Z", true).await;
    let freeze = Freeze {
        start_time: time("2026-12-01T00:00:00Z"),
        end_time: time("2027-01-11T00:00:00Z"),
        reason: "year end".into(),
        app_connector_groups: Vec::new(),
    };
    let policy = UpdatePolicy {
        name: "tenants/acme/updatePolicy".into(),
        freezes: vec![freeze],
        ..UpdatePolicy::default()
    };
    ground.hands.set("2026-12-02T14:00:00Z".parse().unwrap());
    let request = UpdateUpdatePolicyRequest { update_policy: Some(policy), ..Default::default() };
    client.update_update_policy(request).await.unwrap();
    ground.hands.set("2026-12-03T14:00:00Z".parse().unwrap());

    let before = read_at(&mut client, "2026-11-23T15:00:00Z").await.unwrap();
    assert_eq!((&before.etag, before.update_time), (&defaults.etag, None));
    assert_eq!(before.next_periodic_update, defaults.next_periodic_update);
    let was = read_at(&mut client, "2026-11-25T00:00:00Z").await.unwrap();
    assert_eq!((was.enabled, &was.etag), (Some(false), &off.etag));
    assert_eq!(was.update_time, off.update_time);
    let was = read_at(&mut client, "2026-12-01T15:00:00Z").await.unwrap();
    assert_eq!((&was.etag, was.update_time), (&on.etag, on.update_time));
    assert_eq!(
        was.next_periodic_update.unwrap().start_time,
        time("2026-12-06T01:00:00Z"),
        "the freeze came later"
    );
    let now = read_at(&mut client, "2026-12-03T13:59:58Z").await.unwrap();
    assert_eq!(now, get(&mut client, "berlin").await.unwrap(), "less than 5 s back is now");
    assert_eq!(now.next_periodic_update.unwrap().start_time, time("2027-01-17T01:00:00Z"));
    let too_old = read_at(&mut client, "2026-11-23T13:00:00Z").await.unwrap_err();
    assert_eq!((too_old.kind(), too_old.reason()), (Kind::OutOfRange, "READ_TIME_TOO_OLD"));
    serving.stop().await;
}

#[tokio::test]
async fn a_repeat_writes_nothing_and_its_scope_is_the_method_and_the_caller() {
    let (ground, serving) = serving().await;
    let mut client = serving.admin();
    let request = UpdateUpdateScheduleRequest { request_id: REQUEST_ID.into(), ..write(false) };
    let checked = UpdateUpdateScheduleRequest { validate_only: true, ..write(false) };
    client.update_update_schedule(checked).await.unwrap();
    let first = client.update_update_schedule(request.clone()).await.unwrap().into_inner();
    let again = client.update_update_schedule(request).await.unwrap().into_inner();
    assert_eq!(again, first);
    assert_eq!(events(&mut client, "").await.len(), 1, "and a check leaves no trace");
    serving.stop().await;

    let store = StoreConfig::new(ground.data_dir());
    let now = ground.clock.clone();
    let store = Store::open(store, move || now.now()).await.unwrap();
    let find = |scope: &str| {
        let key = IdempotencyKey {
            scope: scope.to_owned(),
            request_id: REQUEST_ID.parse().unwrap(),
            fingerprint: [0; 32],
        };
        let store = store.clone();
        async move { store.find_committed(&key).await }
    };
    // The request is there, and is another one than that of a made-up fingerprint.
    let found = find("UpdateUpdateSchedule token:admin").await;
    assert!(matches!(found, Err(ReplayError::Mismatch)), "{found:?}");
    let other = find("UpdateUpdateSchedule token:viewer").await;
    assert!(matches!(other, Ok(None)), "{other:?}");
    store.close().await;
}

#[tokio::test]
async fn a_tenant_made_anew_under_an_old_id_never_sees_its_predecessors_events() {
    let (ground, serving) = serving().await;
    let mut client = serving.admin();
    write_at(&ground, &mut client, "2026-11-23T14:10:00Z", false).await;
    assert_eq!(events(&mut client, "").await.len(), 1);
    ground.told.tenant("acme", "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb");
    // A deleted tenant's name stays taken for 30 days.
    ground.hands.set("2026-12-24T14:10:00Z".parse().unwrap());
    assert_eq!(events(&mut client, "").await, []);
    write_at(&ground, &mut client, "2026-12-24T14:20:00Z", true).await;
    assert_eq!(events(&mut client, "").await.len(), 1);
    serving.stop().await;
}

#[tokio::test]
async fn events_that_are_too_old_are_dropped_and_the_schedule_stays() {
    let mut ground = ground();
    ground.config.history.age = Duration::from_secs(10 * 24 * 60 * 60);
    ground.told.group("berlin", "Europe/Berlin");
    let serving = ground.start().await;
    get(&mut serving.admin(), "berlin").await.unwrap();
    let mut client = serving.admin();
    write_at(&ground, &mut client, "2026-11-23T14:10:00Z", false).await;
    let kept = write_at(&ground, &mut client, "2026-12-01T14:10:00Z", true).await;
    assert_eq!(events(&mut client, "").await.len(), 2);
    // The worker looks by the hour.
    ground.hands.set("2026-12-04T14:10:00Z".parse().unwrap());
    until("the first event is dropped", || async {
        ground.hands.advance(Duration::from_secs(60 * 60));
        events(&mut serving.admin(), "").await.len() == 1
    })
    .await;
    let refused = read_at(&mut client, "2026-11-23T15:00:00Z").await.unwrap_err();
    assert_eq!(refused.reason(), "READ_TIME_TOO_OLD");
    assert_eq!(read_at(&mut client, "2026-12-03T00:00:00Z").await.unwrap().etag, kept.etag);
    assert_eq!(get(&mut client, "berlin").await.unwrap().etag, kept.etag);
    serving.stop().await;
}

#[tokio::test]
async fn of_many_writes_at_once_each_takes_place_or_is_told_that_others_kept_winning() {
    let (ground, serving) = serving().await;
    let writes = (0..48).map(|number| {
        let mut client = serving.admin();
        async move { client.update_update_schedule(write(number % 2 == 0)).await }
    });
    let mut done = 0;
    for answer in futures::future::join_all(writes).await {
        match answer {
            Ok(_) => done += 1,
            Err(status) => {
                let failure = Failure::from_status(&status);
                assert_eq!((failure.kind(), failure.reason()), (Kind::Aborted, "CONTENDED"));
                assert!(failure.retry_delay().is_some(), "{failure}");
            }
        }
    }
    assert!(done > 0);
    assert_eq!(events(&mut serving.admin(), "").await.len(), done, "each one that took place");
    drop(ground);
    serving.stop().await;
}

#[tokio::test]
async fn a_tenant_is_known_while_registry_cannot_be_asked() {
    let (ground, serving) = serving().await;
    let mut client = serving.admin();
    write_at(&ground, &mut client, "2026-11-23T14:10:00Z", false).await;
    serving.stop().await;
    let alone = ground.start_alone().await;
    let mut client = alone.admin();
    for now in ["2026-11-23T15:00:00Z", "2026-12-20T15:00:00Z"] {
        write_at(&ground, &mut client, now, true).await;
    }
    ground.hands.set("2026-12-23T15:00:00Z".parse().unwrap());
    let refused = client.update_update_schedule(write(true)).await.unwrap_err();
    assert_eq!(Failure::from_status(&refused).reason(), "REGISTRY_UNAVAILABLE");
    alone.stop().await;
}

#[tokio::test]
async fn a_policy_of_no_tenant_is_not_written() {
    let (_ground, serving) = serving().await;
    let policy = UpdatePolicy { name: "tenants/nobody/updatePolicy".into(), ..Default::default() };
    let request = UpdateUpdatePolicyRequest { update_policy: Some(policy), ..Default::default() };
    let refused = serving.client(ADMIN).update_update_policy(request).await.unwrap_err();
    let failure = Failure::from_status(&refused);
    assert_eq!(failure.kind(), Kind::NotFound);
    assert_eq!(failure.resource_info().unwrap().name, "tenants/nobody");
    serving.stop().await;
}

#[tokio::test]
async fn what_a_later_group_writes_is_not_told_of_the_one_before_it() {
    let (ground, serving) = serving().await;
    let mut client = serving.admin();
    write_at(&ground, &mut client, "2026-11-23T14:10:00Z", false).await;
    ground.told.purge("berlin");
    ground.told.reborn("berlin", "Europe/Paris");
    until("the new group arrives with the defaults", || async {
        get(&mut serving.admin(), "berlin").await.is_ok_and(|it| it.enabled == Some(true))
    })
    .await;
    let second = write_at(&ground, &mut client, "2026-11-23T14:20:00Z", false).await;
    let told = events(&mut client, "").await;
    let [later, earlier] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((later.resource_uid.as_str(), earlier.resource_uid.as_str()), (SECOND, FIRST));
    assert!(earlier.after.is_empty(), "it went with its group");
    assert!(later.before.is_empty());
    assert_eq!(schedule_in(&later.after).etag, second.etag);
    ground.hands.set("2026-11-23T14:30:00Z".parse().unwrap());
    let was = read_at(&mut client, "2026-11-23T14:15:00Z").await.unwrap();
    assert_eq!((was.enabled, was.update_time), (Some(true), None), "of this group nothing");
    serving.stop().await;
}
