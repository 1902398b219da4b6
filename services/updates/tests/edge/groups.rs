//! Which groups have a schedule.

use names::Reason;
use proto::updates::v1::{BatchGetUpdateSchedulesRequest, UpdateUpdateScheduleRequest};
use rpc::Failure;
use tonic::Code;

use crate::{
    ground::{STRANGER, get, ground, schedule_name, until},
    registry::FIRST,
};

#[tokio::test]
async fn a_group_without_a_schedule_has_sunday_two_oclock_in_its_own_zone() {
    let ground = ground();
    for (id, zone) in
        [("ny", "America/New_York"), ("howe", "Australia/Lord_Howe"), ("b", "Europe/Berlin")]
    {
        ground.told.group(id, zone);
    }
    let serving = ground.start().await;
    for (id, zone, start, local, offset) in [
        ("ny", "America/New_York", "2026-11-29T07:00:00Z", "2026-11-29 02:00:00", "-05:00"),
        ("howe", "Australia/Lord_Howe", "2026-11-28T15:00:00Z", "2026-11-29 02:00:00", "+11:00"),
        ("b", "Europe/Berlin", "2026-11-29T01:00:00Z", "2026-11-29 02:00:00", "+01:00"),
    ] {
        let schedule = get(&mut serving.admin(), id).await.unwrap();
        assert_eq!(schedule.effective_time_zone, zone);
        assert!(schedule.windows_defaulted && schedule.enabled == Some(true));
        let profile = schedule.effective_version_profile.clone().unwrap();
        assert_eq!(
            (profile.version_profile.as_str(), profile.source().as_str_name()),
            ("versionProfiles/default", "VERSION_PROFILE_SOURCE_TENANT")
        );
        let next = schedule.next_periodic_update.unwrap();
        assert_eq!(next.start_time, crate::ground::time(start), "{id}");
        assert_eq!(next.end_time.unwrap().seconds - next.start_time.unwrap().seconds, 4 * 3600);
        assert_eq!((next.local_start.as_str(), next.start_utc_offset.as_str()), (local, offset));
        assert_eq!(next.state().as_str_name(), "NEXT_PERIODIC_UPDATE_STATE_NO_TARGET");
    }
    serving.stop().await;
}

#[tokio::test]
async fn a_schedule_is_answered_after_a_restart_without_registry() {
    let ground = ground();
    ground.told.group("berlin", "Europe/Berlin");
    let serving = ground.start().await;
    let mut schedule = get(&mut serving.admin(), "berlin").await.unwrap();
    schedule.windows[0].start = "03:30".into();
    let request = UpdateUpdateScheduleRequest {
        update_schedule: Some(schedule),
        ..UpdateUpdateScheduleRequest::default()
    };
    let mut written = serving.admin().update_update_schedule(request).await.unwrap().into_inner();
    assert_eq!(written.registry_heard_time.take(), crate::ground::time(crate::ground::MONDAY));
    serving.stop().await;

    let alone = ground.start_alone().await;
    assert_eq!(get(&mut alone.admin(), "berlin").await.unwrap(), written);
    let unknown = get(&mut alone.admin(), "never-told").await.unwrap_err();
    let failure = Failure::from_status(&unknown);
    assert_eq!((unknown.code(), failure.reason()), (Code::Unavailable, "REGISTRY_UNAVAILABLE"));
    assert!(failure.retry_delay().is_some());
    alone.stop().await;
}

#[tokio::test]
async fn a_group_the_watch_has_not_told_yet_is_read_once_from_registry() {
    let ground = ground();
    let serving = ground.start().await;
    ground.told.whisper("new", "Asia/Kolkata", FIRST);
    let schedule = get(&mut serving.admin(), "new").await.unwrap();
    assert_eq!(schedule.effective_time_zone, "Asia/Kolkata");
    let missing = get(&mut serving.admin(), "missing").await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let resource = Failure::from_status(&missing).resource_info().unwrap().name.clone();
    assert_eq!(resource, "tenants/acme/appConnectorGroups/missing");
    serving.stop().await;
}

#[tokio::test]
async fn a_deleted_group_has_no_schedule_and_a_later_one_of_its_name_begins_anew() {
    let ground = ground();
    ground.told.group("berlin", "Europe/Berlin");
    let serving = ground.start().await;
    let mut client = serving.admin();
    let mut schedule = get(&mut client, "berlin").await.unwrap();
    schedule.enabled = Some(false);
    let request = UpdateUpdateScheduleRequest {
        update_schedule: Some(schedule),
        ..UpdateUpdateScheduleRequest::default()
    };
    client.update_update_schedule(request).await.unwrap();

    ground.told.delete("berlin", "Europe/Berlin");
    until("the delete arrives", || async {
        get(&mut serving.admin(), "berlin").await.is_err_and(|s| s.code() == Code::NotFound)
    })
    .await;
    ground.told.group("berlin", "Europe/Berlin");
    until("the undelete arrives", || async {
        get(&mut serving.admin(), "berlin").await.is_ok_and(|it| it.enabled == Some(false))
    })
    .await;
    ground.told.purge("berlin");
    ground.told.reborn("berlin", "Europe/Paris");
    until("the new group arrives with the defaults", || async {
        let schedule = get(&mut serving.admin(), "berlin").await;
        schedule
            .is_ok_and(|it| it.enabled == Some(true) && it.effective_time_zone == "Europe/Paris")
    })
    .await;
    serving.stop().await;
}

#[tokio::test]
async fn a_batch_keeps_the_order_and_lists_what_is_missing() {
    let ground = ground();
    for id in ["a", "b", "c"] {
        ground.told.group(id, "UTC");
    }
    let serving = ground.start().await;
    let request = BatchGetUpdateSchedulesRequest {
        parent: "tenants/acme".into(),
        names: ["c", "nobody", "a"].map(schedule_name).to_vec(),
    };
    let answer = serving.admin().batch_get_update_schedules(request.clone()).await.unwrap();
    let answer = answer.into_inner();
    let names: Vec<_> = answer.update_schedules.iter().map(|it| it.name.clone()).collect();
    assert_eq!(names, ["c", "a"].map(schedule_name));
    assert_eq!(answer.not_found, [schedule_name("nobody")]);

    let foreign = BatchGetUpdateSchedulesRequest { parent: "tenants/other".into(), ..request };
    let refused = serving.admin().batch_get_update_schedules(foreign).await.unwrap_err();
    let failure = Failure::from_status(&refused);
    assert_eq!(failure.violations().len(), 3, "{failure:?}");
    serving.stop().await;
}

#[tokio::test]
async fn another_tenants_schedule_looks_like_one_that_does_not_exist() {
    let ground = ground();
    ground.told.group("berlin", "Europe/Berlin");
    let serving = ground.start().await;
    let refused = get(&mut serving.client(STRANGER), "berlin").await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(Failure::from_status(&refused).reason(), Reason::ResourceNotFound);
    serving.stop().await;
}
