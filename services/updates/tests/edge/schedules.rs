//! Writing and previewing schedules.

use proto::updates::v1::{
    MaintenanceWindow, MaxUnavailable, MonthlyDay, PreviewWindowsRequest, SkipNextWindowRequest,
    UpdateSchedule, UpdateUpdateScheduleRequest, WeeklyDays, maintenance_window::Days,
};
use rpc::Failure;
use tonic::Code;

use crate::ground::{Client, Serving, VIEWER, get, ground, schedule_name, time};

async fn serving() -> (crate::ground::Ground, Serving) {
    let ground = ground();
    ground.told.group("berlin", "Europe/Berlin");
    let serving = ground.start().await;
    (ground, serving)
}

fn write(schedule: UpdateSchedule, paths: &[&str]) -> UpdateUpdateScheduleRequest {
    let paths: Vec<_> = paths.iter().map(ToString::to_string).collect();
    UpdateUpdateScheduleRequest {
        update_schedule: Some(UpdateSchedule { name: schedule_name("berlin"), ..schedule }),
        update_mask: (!paths.is_empty()).then_some(prost_types::FieldMask { paths }),
        ..UpdateUpdateScheduleRequest::default()
    }
}

async fn update(
    client: &mut Client,
    request: UpdateUpdateScheduleRequest,
) -> Result<UpdateSchedule, Failure> {
    let answer = client.update_update_schedule(request).await;
    answer.map(tonic::Response::into_inner).map_err(|status| Failure::from_status(&status))
}

fn weekly(day: i32, start: &str, minutes: i64) -> MaintenanceWindow {
    MaintenanceWindow {
        days: Some(Days::Weekly(WeeklyDays { days: vec![day] })),
        start: start.into(),
        duration: Some(prost_types::Duration { seconds: minutes * 60, nanos: 0 }),
    }
}

#[tokio::test]
async fn a_mask_says_which_fields_change_and_an_old_etag_is_refused_with_the_current_one() {
    let (_ground, serving) = serving().await;
    let mut client = serving.admin();
    let first = get(&mut client, "berlin").await.unwrap();
    let windows = vec![weekly(3, "22:30", 180)];
    let change = UpdateSchedule {
        windows: windows.clone(),
        enabled: Some(false),
        time_zone: "Asia/Tokyo".into(),
        etag: first.etag.clone(),
        ..UpdateSchedule::default()
    };
    let second =
        update(&mut client, write(change.clone(), &["windows", "time_zone"])).await.unwrap();
    assert_eq!((second.windows.clone(), second.enabled), (windows, Some(true)));
    let next = second.next_periodic_update.clone().unwrap();
    assert_eq!(next.start_time, time("2026-11-25T13:30:00Z"));
    assert_eq!(next.local_end, "2026-11-26 01:30:00");

    let stale = update(&mut client, write(change, &["enabled"])).await.unwrap_err();
    assert_eq!((stale.kind(), stale.reason()), (rpc::Kind::Aborted, "ETAG_MISMATCH"));
    assert_eq!(stale.metadata_map()["etag"], second.etag);
    assert_eq!(get(&mut client, "berlin").await.unwrap(), second);

    let all = update(&mut client, write(UpdateSchedule::default(), &["*"])).await.unwrap();
    assert!(all.windows_defaulted && all.time_zone.is_empty(), "every field took its default");
    serving.stop().await;
}

#[tokio::test]
async fn a_request_id_answers_a_repeat_like_the_first_and_refuses_another_content() {
    let (_ground, serving) = serving().await;
    let mut client = serving.admin();
    let etag = get(&mut client, "berlin").await.unwrap().etag;
    let request_id = "0190b4f2-7a3c-7def-8a21-3f5f0c9b6d11".to_owned();
    let change = UpdateSchedule { enabled: Some(false), etag, ..UpdateSchedule::default() };
    let once = UpdateUpdateScheduleRequest { request_id, ..write(change, &[]) };
    let first = update(&mut client, once.clone()).await.unwrap();
    let on = UpdateSchedule { enabled: Some(true), ..UpdateSchedule::default() };
    let between = update(&mut client, write(on, &[])).await.unwrap();
    assert_eq!(
        update(&mut client, once.clone()).await.unwrap(),
        first,
        "though its etag is old now"
    );
    assert_eq!(get(&mut client, "berlin").await.unwrap(), between, "and nothing was written");

    let mut other = once;
    other.validate_only = true;
    let refused = update(&mut client, other).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.reason()),
        (rpc::Kind::InvalidArgument, "REQUEST_ID_REUSED")
    );
    serving.stop().await;
}

#[tokio::test]
async fn validate_only_shows_the_outcome_and_writes_nothing() {
    let (_ground, serving) = serving().await;
    let mut client = serving.admin();
    let before = get(&mut client, "berlin").await.unwrap();
    let off = UpdateSchedule { enabled: Some(false), ..UpdateSchedule::default() };
    let request = UpdateUpdateScheduleRequest { validate_only: true, ..write(off, &[]) };
    let shown = update(&mut client, request).await.unwrap();
    let state = shown.next_periodic_update.unwrap().state();
    assert_eq!(state.as_str_name(), "NEXT_PERIODIC_UPDATE_STATE_SCHEDULE_DISABLED");
    assert_eq!(get(&mut client, "berlin").await.unwrap(), before);
    serving.stop().await;
}

#[tokio::test]
async fn everything_wrong_with_a_schedule_is_told_at_once() {
    let (_ground, serving) = serving().await;
    let monthly = Days::Monthly(MonthlyDay { nth: 6, day: 0 });
    let wrong = UpdateSchedule {
        windows: vec![
            MaintenanceWindow { days: Some(monthly), ..weekly(1, "24:00", 10) },
            MaintenanceWindow { days: None, ..weekly(1, "02:00", 60) },
            weekly(8, "02:00", 60),
        ],
        time_zone: "Mars/Olympus".into(),
        version_profile: "nonsense".into(),
        max_unavailable: Some(MaxUnavailable::default()),
        retry_limit: Some(-1),
        failure_threshold: Some(0),
        etag: "not an etag".into(),
        ..UpdateSchedule::default()
    };
    let mut request = write(wrong, &["*", "colour"]);
    request.request_id = "7".into();
    let refused = update(&mut serving.admin(), request).await.unwrap_err();
    assert_eq!(refused.reason(), "FIELDS_INVALID");
    let mut fields: Vec<_> = refused.violations().iter().map(|it| it.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "request_id",
            "update_mask",
            "update_schedule.etag",
            "update_schedule.failure_threshold",
            "update_schedule.max_unavailable.limit",
            "update_schedule.retry_limit",
            "update_schedule.time_zone",
            "update_schedule.version_profile",
            "update_schedule.windows[0].duration",
            "update_schedule.windows[0].monthly.day",
            "update_schedule.windows[0].monthly.nth",
            "update_schedule.windows[0].start",
            "update_schedule.windows[1].days",
            "update_schedule.windows[2].weekly.days",
        ]
    );
    serving.stop().await;
}

#[tokio::test]
async fn a_groups_own_profile_counts_only_while_it_persists() {
    let (_ground, serving) = serving().await;
    let mut client = serving.admin();
    let own = |persist| UpdateSchedule {
        version_profile: "versionProfiles/new-release".into(),
        persist_local_version_profile: persist,
        ..UpdateSchedule::default()
    };
    let refused = update(&mut client, write(own(None), &[])).await.unwrap_err();
    assert_eq!(refused.kind(), rpc::Kind::FailedPrecondition);
    assert_eq!(refused.reason(), "VERSION_PROFILE_NOT_PERSISTED");
    let unknown = UpdateSchedule {
        version_profile: "tenants/acme/versionProfiles/mine".into(),
        ..own(Some(true))
    };
    let unknown = update(&mut client, write(unknown, &[])).await.unwrap_err();
    assert_eq!(unknown.kind(), rpc::Kind::NotFound);

    let chosen = update(&mut client, write(own(Some(true)), &[])).await.unwrap();
    let profile = chosen.effective_version_profile.unwrap();
    assert_eq!(profile.display_name, "New Release");
    assert_eq!(profile.source().as_str_name(), "VERSION_PROFILE_SOURCE_GROUP");
    let off =
        UpdateSchedule { persist_local_version_profile: Some(false), ..UpdateSchedule::default() };
    let back = update(&mut client, write(off, &[])).await.unwrap();
    assert!(back.version_profile.is_empty());
    let profile = back.effective_version_profile.unwrap();
    assert_eq!(profile.source().as_str_name(), "VERSION_PROFILE_SOURCE_TENANT");
    serving.stop().await;
}

#[tokio::test]
async fn parallel_writes_without_an_etag_all_take_effect() {
    let (_ground, serving) = serving().await;
    let mut client = serving.admin();
    get(&mut client, "berlin").await.unwrap();
    let writes = [
        write(UpdateSchedule { enabled: Some(false), ..UpdateSchedule::default() }, &[]),
        write(UpdateSchedule { time_zone: "Asia/Tokyo".into(), ..UpdateSchedule::default() }, &[]),
        write(UpdateSchedule { retry_limit: Some(7), ..UpdateSchedule::default() }, &[]),
        write(UpdateSchedule { failure_threshold: Some(9), ..UpdateSchedule::default() }, &[]),
    ];
    let writes = writes.into_iter().map(|request| {
        let mut client = client.clone();
        async move { update(&mut client, request).await.unwrap() }
    });
    futures::future::join_all(writes).await;
    let after = get(&mut client, "berlin").await.unwrap();
    assert_eq!((after.enabled, after.time_zone.as_str()), (Some(false), "Asia/Tokyo"));
    assert_eq!((after.retry_limit, after.failure_threshold), (Some(7), Some(9)));
    serving.stop().await;
}

#[tokio::test]
async fn of_parallel_writes_with_one_etag_one_takes_effect_and_the_others_learn_of_it() {
    let (_ground, serving) = serving().await;
    let mut client = serving.admin();
    let etag = get(&mut client, "berlin").await.unwrap().etag;
    let writes = (1..=4).map(|retries| {
        let mut client = client.clone();
        let change = UpdateSchedule { retry_limit: Some(retries), ..UpdateSchedule::default() };
        let request = write(UpdateSchedule { etag: etag.clone(), ..change }, &[]);
        async move { update(&mut client, request).await }
    });
    let answers = futures::future::join_all(writes).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    let won = won.into_iter().next().unwrap().unwrap();
    for refused in lost.into_iter().map(Result::unwrap_err) {
        assert_eq!((refused.kind(), refused.reason()), (rpc::Kind::Aborted, "ETAG_MISMATCH"));
        assert_eq!(refused.metadata_map()["etag"], won.etag);
    }
    assert_eq!(get(&mut client, "berlin").await.unwrap(), won);
    serving.stop().await;
}

#[tokio::test]
async fn a_viewer_reads_and_does_not_write_and_what_is_planned_says_so() {
    let (_ground, serving) = serving().await;
    let mut viewer = serving.client(VIEWER);
    get(&mut viewer, "berlin").await.unwrap();
    let refused = update(&mut viewer, write(UpdateSchedule::default(), &["enabled"])).await;
    assert_eq!(refused.unwrap_err().kind(), rpc::Kind::PermissionDenied);
    let skip = SkipNextWindowRequest { name: schedule_name("berlin"), ..Default::default() };
    let planned = serving.admin().skip_next_window(skip).await.unwrap_err();
    assert_eq!(planned.code(), Code::Unimplemented);
    assert_eq!(Failure::from_status(&planned).reason(), "METHOD_PLANNED");
    serving.stop().await;
}

#[tokio::test]
async fn a_preview_tells_the_next_windows_of_the_schedule_or_of_a_draft() {
    let (_ground, serving) = serving().await;
    let mut client = serving.admin();
    let stored = PreviewWindowsRequest { name: schedule_name("berlin"), ..Default::default() };
    let answer = client.preview_windows(stored.clone()).await.unwrap().into_inner();
    assert_eq!((answer.windows.len(), answer.time_zone.as_str()), (5, "Europe/Berlin"));
    assert_eq!(answer.windows[0].start_time, time("2026-11-29T01:00:00Z"));
    assert!(answer.tzdb_version.starts_with("20"), "{}", answer.tzdb_version);

    let draft = UpdateSchedule {
        windows: vec![weekly(5, "02:00", 240), weekly(6, "02:00", 240)],
        time_zone: "pacific/apia".into(),
        ..UpdateSchedule::default()
    };
    let draft = PreviewWindowsRequest {
        draft: Some(draft),
        count: 1,
        start_time: time("2011-12-27T00:00:00Z"),
        ..stored.clone()
    };
    let answer = client.preview_windows(draft).await.unwrap().into_inner();
    let window = &answer.windows[0];
    assert_eq!(answer.time_zone, "Pacific/Apia");
    assert_eq!(window.start_time, time("2011-12-30T10:00:00Z"), "the lost Friday ends here");
    assert_eq!(
        (window.local_start.as_str(), window.start_utc_offset.as_str()),
        ("2011-12-31 00:00:00", "+14:00")
    );
    assert_eq!(window.local_end, "2011-12-31 06:00:00", "and runs into Saturday's window");

    let wrong =
        PreviewWindowsRequest { count: 101, start_time: time("1969-12-31T00:00:00Z"), ..stored };
    let refused = Failure::from_status(&client.preview_windows(wrong).await.unwrap_err());
    assert_eq!(refused.violations().len(), 2);
    serving.stop().await;
}

#[tokio::test]
async fn the_next_window_follows_the_clock() {
    let (ground, serving) = serving().await;
    let mut client = serving.admin();
    for (now, start) in [
        ("2026-11-29T04:59:59Z", "2026-11-29T01:00:00Z"),
        ("2026-11-29T05:00:00Z", "2026-12-06T01:00:00Z"),
    ] {
        ground.hands.set(now.parse().unwrap());
        let next = get(&mut client, "berlin").await.unwrap().next_periodic_update.unwrap();
        assert_eq!(next.start_time, time(start), "at {now}");
    }
    serving.stop().await;
}
