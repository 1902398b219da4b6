//! What the page shows follows what happens to a group.

use proto::{
    overview::v1::{
        AppConnectorGroupOverview, Connection, GetAppConnectorGroupOverviewRequest, SourceState,
    },
    registry::v1::{
        AppConnectorGroup, DeleteAppConnectorGroupRequest, UpdateAppConnectorGroupRequest,
    },
    updates::v1::{
        UpdatePolicy, UpdateSchedule, UpdateUpdatePolicyRequest, UpdateUpdateScheduleRequest,
        VersionProfileSource,
    },
};
use testkit::{Application, Connector, FRANKFURT, NEW_YORK, System, Tenant, eventually};
use tonic::{Code, Status};

async fn row(
    tenant: &Tenant,
    group: &AppConnectorGroup,
) -> Result<AppConnectorGroupOverview, Status> {
    let request = GetAppConnectorGroupOverviewRequest { name: group.name.clone(), view: 0 };
    let mut overview = tenant.api.overview.clone();
    Ok(overview.get_app_connector_group_overview(request).await?.into_inner())
}

/// The row, once `fits` is content with it.
async fn row_that(
    tenant: &Tenant,
    group: &AppConnectorGroup,
    what: &str,
    fits: impl Fn(&AppConnectorGroupOverview) -> bool,
) -> AppConnectorGroupOverview {
    eventually(what, || async {
        match row(tenant, group).await.map_err(|status| status.to_string())? {
            row if fits(&row) => Ok(row),
            row => Err(format!("{row:?}")),
        }
    })
    .await
}

fn has(row: &AppConnectorGroupOverview, reason: &str) -> bool {
    row.conditions.iter().any(|condition| condition.reason == reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_follows_a_connector_that_comes_and_goes() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let application = Application::start().await.unwrap();
    tenant.application("crm", &application, &[&group]).await.unwrap();
    row_that(&tenant, &group, "an empty group says so", |row| has(row, "NO_APP_CONNECTOR")).await;

    let connector = Connector::start(&tenant.join_token("key", &group, 5).await);
    let name = connector.reporting().await.to_string();
    let row = row_that(&tenant, &group, "it is shown connected", |row| {
        row.connected_app_connector_count == Some(1)
    })
    .await;
    let shown = &row.app_connectors[0];
    assert_eq!((shown.name.as_str(), shown.connection()), (name.as_str(), Connection::Connected));
    assert!(!shown.version.is_empty() && shown.connect_time.is_some());
    assert!(has(&row, "SINGLE_APP_CONNECTOR") && !has(&row, "NO_CONNECTED_APP_CONNECTOR"));
    assert!(row.sources.iter().all(|source| source.state() == SourceState::Available), "{row:?}");

    connector.stop().await.unwrap();
    let row = row_that(&tenant, &group, "it is shown disconnected", |row| {
        has(row, "NO_CONNECTED_APP_CONNECTOR")
    })
    .await;
    assert_eq!(row.connected_app_connector_count, Some(0));
    assert_eq!(row.app_connector_count, Some(1), "it is still registered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_moves_takes_its_window_to_its_new_time_zone() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("office", FRANKFURT).await.unwrap();
    let zone = |row: &AppConnectorGroupOverview| {
        row.next_periodic_update.as_ref().map(|next| next.time_zone.clone()).unwrap_or_default()
    };
    let before = row_that(&tenant, &group, "Frankfurt", |row| zone(row) == "Europe/Berlin").await;
    let request = UpdateAppConnectorGroupRequest {
        app_connector_group: Some(AppConnectorGroup {
            name: group.name.clone(),
            location: Some(NEW_YORK.location()),
            ..AppConnectorGroup::default()
        }),
        ..UpdateAppConnectorGroupRequest::default()
    };
    tenant.api.registry.clone().update_app_connector_group(request).await.unwrap();
    let after = row_that(&tenant, &group, "New York", |row| zone(row) == "America/New_York").await;
    let start = |row: AppConnectorGroupOverview| row.next_periodic_update.unwrap().start_time;
    assert_ne!(start(before), start(after), "the same wall clock is another instant");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_groups_own_version_profile_outlasts_the_tenants() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let own = tenant.group("own", FRANKFURT).await.unwrap();
    let other = tenant.group("other", NEW_YORK).await.unwrap();
    let mut updates = tenant.api.updates.clone();
    let choose = UpdateUpdateScheduleRequest {
        update_schedule: Some(UpdateSchedule {
            name: format!("{}/updateSchedule", own.name),
            version_profile: "versionProfiles/new-release".into(),
            persist_local_version_profile: Some(true),
            ..UpdateSchedule::default()
        }),
        ..UpdateUpdateScheduleRequest::default()
    };
    updates.update_update_schedule(choose).await.unwrap();
    let policy = UpdateUpdatePolicyRequest {
        update_policy: Some(UpdatePolicy {
            name: format!("{}/updatePolicy", tenant.parent()),
            version_profile: "versionProfiles/previous-default".into(),
            ..UpdatePolicy::default()
        }),
        ..UpdateUpdatePolicyRequest::default()
    };
    updates.update_update_policy(policy).await.unwrap();
    for (group, profile, source, persists) in [
        (&own, "new-release", VersionProfileSource::Group, true),
        (&other, "previous-default", VersionProfileSource::Tenant, false),
    ] {
        let row =
            row_that(&tenant, group, "the row is whole", |row| row.version_profile.is_some()).await;
        let shown = row.version_profile.as_ref().unwrap();
        assert_eq!(shown.version_profile, format!("versionProfiles/{profile}"));
        assert_eq!(shown.source(), source);
        assert_eq!(row.persist_local_version_profile, Some(persists));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_group_leaves_the_page_and_has_no_schedule() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("gone", FRANKFURT).await.unwrap();
    row(&tenant, &group).await.unwrap();
    let request = DeleteAppConnectorGroupRequest {
        name: group.name.clone(),
        ..DeleteAppConnectorGroupRequest::default()
    };
    tenant.api.registry.clone().delete_app_connector_group(request).await.unwrap();
    eventually("the row is gone", || async {
        match row(&tenant, &group).await {
            Err(status) if status.code() == Code::NotFound => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let get = proto::updates::v1::GetUpdateScheduleRequest {
        name: format!("{}/updateSchedule", group.name),
        read_time: None,
    };
    eventually("the schedule is gone", || async {
        match tenant.api.updates.clone().get_update_schedule(get.clone()).await {
            Err(status) if status.code() == Code::NotFound => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}
