//! Tenants' policies, profiles, and what a server says of itself.

use names::Reason;
use proto::updates::v1::{
    BackupRequest, Freeze, GetServerInfoRequest, GetUpdatePolicyRequest, GetVersionProfileRequest,
    ListVersionProfilesRequest, UpdatePolicy, UpdateUpdatePolicyRequest,
};
use rpc::Failure;
use tonic::Code;

use crate::ground::{Client, VIEWER, get, ground, time};

const POLICY: &str = "tenants/acme/updatePolicy";

fn write(policy: UpdatePolicy) -> UpdateUpdatePolicyRequest {
    UpdateUpdatePolicyRequest {
        update_policy: Some(UpdatePolicy { name: POLICY.into(), ..policy }),
        ..UpdateUpdatePolicyRequest::default()
    }
}

fn freeze(start: &str, end: &str, groups: &[&str]) -> Freeze {
    Freeze {
        start_time: time(start),
        end_time: time(end),
        reason: "year end".into(),
        app_connector_groups: groups
            .iter()
            .map(|id| format!("tenants/acme/appConnectorGroups/{id}"))
            .collect(),
    }
}

async fn update(client: &mut Client, policy: UpdatePolicy) -> Result<UpdatePolicy, Failure> {
    let answer = client.update_update_policy(write(policy)).await;
    answer.map(tonic::Response::into_inner).map_err(|status| Failure::from_status(&status))
}

#[tokio::test]
async fn a_tenants_profile_and_freezes_reach_its_groups() {
    let ground = ground();
    ground.told.group("berlin", "Europe/Berlin");
    ground.told.group("paris", "Europe/Paris");
    let serving = ground.start().await;
    let mut client = serving.admin();
    let request = GetUpdatePolicyRequest { name: POLICY.into() };
    let defaults = client.get_update_policy(request.clone()).await.unwrap().into_inner();
    assert_eq!(defaults.version_profile, "versionProfiles/default");
    assert_eq!(defaults.update_time, None);

    let policy = UpdatePolicy {
        version_profile: "versionProfiles/previous-default".into(),
        freezes: vec![freeze("2026-11-28T00:00:00Z", "2026-11-29T03:00:00Z", &["berlin"])],
        etag: defaults.etag.clone(),
        ..UpdatePolicy::default()
    };
    let written = update(&mut client, policy.clone()).await.unwrap();
    assert_eq!(client.get_update_policy(request).await.unwrap().into_inner(), written);
    let berlin = get(&mut client, "berlin").await.unwrap();
    let paris = get(&mut client, "paris").await.unwrap();
    for schedule in [&berlin, &paris] {
        let profile = schedule.effective_version_profile.as_ref().unwrap();
        assert_eq!(profile.version_profile, "versionProfiles/previous-default");
    }
    let start = |schedule: proto::updates::v1::UpdateSchedule| {
        schedule.next_periodic_update.unwrap().start_time
    };
    assert_eq!(start(berlin), time("2026-11-29T03:00:00Z"), "what the freeze leaves");
    assert_eq!(start(paris), time("2026-11-29T01:00:00Z"), "the freeze names only Berlin");

    let stale = update(&mut client, policy).await.unwrap_err();
    assert_eq!((stale.reason(), &stale.metadata_map()["etag"]), ("ETAG_MISMATCH", &written.etag));
    serving.stop().await;
}

#[tokio::test]
async fn a_wrong_policy_is_refused_with_every_reason() {
    let ground = ground();
    let serving = ground.start().await;
    let wrong = UpdatePolicy {
        version_profile: "no name".into(),
        freezes: vec![
            freeze("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", &["Not An Id"]),
            Freeze::default(),
        ],
        ..UpdatePolicy::default()
    };
    let refused = update(&mut serving.admin(), wrong).await.unwrap_err();
    let fields: Vec<_> = refused.violations().iter().map(|it| it.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "update_policy.version_profile",
            "update_policy.freezes[0].end_time",
            "update_policy.freezes[0].app_connector_groups[0]",
            "update_policy.freezes[1].start_time",
            "update_policy.freezes[1].end_time",
            "update_policy.freezes[1].reason",
        ]
    );
    let unknown =
        UpdatePolicy { version_profile: "versionProfiles/beta".into(), ..Default::default() };
    let unknown = update(&mut serving.admin(), unknown).await.unwrap_err();
    assert_eq!(unknown.kind(), rpc::Kind::NotFound);
    let reason = "a".repeat(256);
    let huge =
        Freeze { reason, ..freeze("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z", &["a"; 100]) };
    let huge = UpdatePolicy { freezes: vec![huge; 200], ..UpdatePolicy::default() };
    let huge = update(&mut serving.admin(), huge).await.unwrap_err();
    assert_eq!((huge.kind(), huge.reason()), (rpc::Kind::ResourceExhausted, "RECORD_TOO_LARGE"));
    serving.stop().await;
}

#[tokio::test]
async fn the_systems_profiles_are_listed_in_pages_and_found_by_name() {
    let ground = ground();
    let serving = ground.start().await;
    let mut client = serving.client(VIEWER);
    let mut request = ListVersionProfilesRequest {
        parent: "tenants/acme".into(),
        page_size: 2,
        page_token: String::new(),
    };
    let mut names = Vec::new();
    loop {
        let page = client.list_version_profiles(request.clone()).await.unwrap().into_inner();
        names.extend(page.version_profiles.into_iter().map(|profile| profile.name));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let expected = ["default", "previous-default", "new-release"];
    assert_eq!(names, expected.map(|id| format!("versionProfiles/{id}")));
    request.parent = "tenants/other".into();
    let foreign = client.list_version_profiles(request.clone()).await.unwrap_err();
    assert_eq!(foreign.code(), Code::NotFound, "before anything is said of the token");
    let other = serving.admin().list_version_profiles(request).await.unwrap_err();
    assert_eq!(Failure::from_status(&other).reason(), Reason::PageTokenOtherQuery);

    let get = |name: &str| GetVersionProfileRequest { name: name.into() };
    let profile = client.get_version_profile(get("versionProfiles/new-release")).await.unwrap();
    assert_eq!(profile.into_inner().display_name, "New Release");
    let resource = |status| Failure::from_status(&status).resource_info().unwrap().name.clone();
    for (name, missing) in [
        ("versionProfiles/beta", "versionProfiles/beta"),
        ("tenants/acme/versionProfiles/default", "tenants/acme/versionProfiles/default"),
        ("tenants/other/versionProfiles/default", "tenants/other"),
    ] {
        let refused = client.get_version_profile(get(name)).await.unwrap_err();
        assert_eq!((refused.code(), resource(refused)), (Code::NotFound, missing.to_owned()));
    }
    serving.stop().await;
}

#[tokio::test]
async fn a_server_says_what_it_is_and_gives_its_store_to_system_administrators_only() {
    let ground = ground();
    ground.told.group("berlin", "Europe/Berlin");
    let serving = ground.start().await;
    let mut client = serving.admin();
    let info = client.get_server_info(GetServerInfoRequest {}).await.unwrap().into_inner();
    assert_eq!(info.service, "updates");
    assert!(info.revision > 0 && !info.epoch.is_empty() && info.tzdb_version.starts_with("20"));

    let mut stream = client.backup(BackupRequest {}).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = stream.message().await.unwrap() {
        bytes.extend_from_slice(&part.chunk);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let summary = store::verify(file.path()).await.unwrap();
    assert_eq!(summary.epoch.to_string(), info.epoch);
    assert!(summary.rows >= 1);
    let refused = serving.client(VIEWER).backup(BackupRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    serving.stop().await;
}
