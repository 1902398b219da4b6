//! The statements of the product page, each named in a test. Those that no test here names belong to later work.

use proto::{
    overview::v1::{
        AppConnectorGroupOverview, DnsResolution, GetAppConnectorGroupOverviewRequest, GroupStatus,
        ListAppConnectorGroupOverviewsRequest, OverviewView,
    },
    registry::v1::{
        AppConnectorGroup, CreateAppConnectorGroupRequest, DeleteAppConnectorGroupRequest,
        DnsResolutionOption, GetAppConnectorRequest, ListAppConnectorGroupsRequest,
        UpdateAppConnectorGroupRequest,
    },
    updates::v1::{
        DayOfWeek, GetUpdateScheduleRequest, MaintenanceWindow, UpdateSchedule,
        UpdateUpdateScheduleRequest, WeeklyDays, maintenance_window::Days,
    },
};
use testkit::{Application, Connector, FRANKFURT, SINGAPORE, System, Tenant, eventually};

fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

/// The full row of a group, once `fits` is content with it.
async fn row(
    tenant: &Tenant,
    group: &AppConnectorGroup,
    what: &str,
    fits: impl Fn(&AppConnectorGroupOverview) -> bool,
) -> AppConnectorGroupOverview {
    eventually(what, || async {
        let request = GetAppConnectorGroupOverviewRequest {
            name: group.name.clone(),
            view: OverviewView::Full.into(),
        };
        let mut overview = tenant.api.overview.clone();
        let row = overview.get_app_connector_group_overview(request).await;
        match row.map_err(|status| status.to_string())?.into_inner() {
            row if fits(&row) => Ok(row),
            row => Err(format!("{row:?}")),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_group_is_created_and_a_connector_joins_it_with_a_new_provisioning_key() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let connector = Connector::start(&tenant.join_token("key", &group, 1).await);
    let name = connector.reporting().await;

    let request = GetAppConnectorRequest { name: name.to_string() };
    let found = tenant.api.registry.clone().get_app_connector(request).await.unwrap().into_inner();
    assert_eq!(found.app_connector_group, group.name, "every connector belongs to one group");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_serves_only_with_a_provisioning_key_and_a_server_group() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let names = |row: &AppConnectorGroupOverview, reason: &str| {
        row.conditions.iter().any(|condition| condition.reason == reason)
    };
    let lonely = row(&tenant, &group, "what is missing is named", |row| {
        names(row, "NO_SERVER_GROUP") && names(row, "NO_PROVISIONING_KEY")
    });
    assert!(lonely.await.conditions.iter().all(|condition| !condition.message.is_empty()));

    let application = Application::start().await.unwrap();
    tenant.application("crm", &application, &[&group]).await.unwrap();
    // A key with a use left: a spent one is no usable key.
    let connector = Connector::start(&tenant.join_token("key", &group, 2).await);
    let name = connector.reporting().await.to_string();
    row(&tenant, &group, "nothing is missing", |row| {
        !names(row, "NO_SERVER_GROUP") && !names(row, "NO_PROVISIONING_KEY")
    })
    .await;
    eventually("it serves", || async {
        let path = tenant.path(FRANKFURT, "crm", &application).await.map_err(|s| s.to_string())?;
        match path.candidates.first() {
            Some(first) if first.app_connector == name => Ok(()),
            _ => Err(path.reason),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_closest_connector_given_the_users_location_is_selected() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let application = Application::start().await.unwrap();
    let here = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let there = tenant.group("singapore", SINGAPORE).await.unwrap();
    tenant.application("crm", &application, &[&here, &there]).await.unwrap();
    let first = Connector::start(&tenant.join_token("here", &here, 1).await);
    let second = Connector::start(&tenant.join_token("there", &there, 1).await);
    let expected = [
        (FRANKFURT, first.reporting().await.to_string()),
        (SINGAPORE, second.reporting().await.to_string()),
    ];
    for (place, name) in expected {
        eventually(&format!("a user in {} gets {name}", place.city), || async {
            let path = tenant.path(place, "crm", &application).await.map_err(|s| s.to_string())?;
            match path.candidates.first() {
                Some(candidate) if candidate.app_connector == name => Ok(()),
                other => Err(format!("{other:?} {}", path.reason)),
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_update_schedule_is_set_to_an_off_hours_window_of_the_region() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("singapore", SINGAPORE).await.unwrap();
    let name = format!("{}/updateSchedule", group.name);
    let mut updates = tenant.api.updates.clone();
    let get = GetUpdateScheduleRequest { name: name.clone(), read_time: None };
    let standard = updates.get_update_schedule(get).await.unwrap().into_inner();
    let next =
        standard.next_periodic_update.expect("also a group without a schedule has a next window");
    assert_eq!(next.time_zone, "Asia/Singapore", "the group's own zone, from its coordinates");
    assert!(next.local_start.contains("02:00"), "Sunday 02:00 is the default: {next:?}");

    let request = UpdateUpdateScheduleRequest {
        update_schedule: Some(UpdateSchedule {
            name,
            windows: vec![MaintenanceWindow {
                days: Some(Days::Weekly(WeeklyDays { days: vec![DayOfWeek::Wednesday.into()] })),
                start: "23:30".into(),
                duration: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
            }],
            ..UpdateSchedule::default()
        }),
        update_mask: mask(&["windows"]),
        ..UpdateUpdateScheduleRequest::default()
    };
    let set = updates.update_update_schedule(request).await.unwrap().into_inner();
    let next = set.next_periodic_update.expect("the next window");
    assert!(next.local_start.contains("23:30"), "{next:?}");
    assert_eq!(next.start_utc_offset, "+08:00");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dns_resolution_option_enables_the_necessary_interface() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let request = CreateAppConnectorGroupRequest {
        parent: tenant.parent(),
        app_connector_group_id: "six".into(),
        app_connector_group: Some(AppConnectorGroup {
            display_name: "six".into(),
            location: Some(FRANKFURT.location()),
            dns_resolution_option: DnsResolutionOption::Ipv6.into(),
            ..AppConnectorGroup::default()
        }),
        ..CreateAppConnectorGroupRequest::default()
    };
    let mut registry = tenant.api.registry.clone();
    let group = registry.create_app_connector_group(request).await.unwrap().into_inner();
    // The server has an IPv4 address only.
    let application = Application::start().await.unwrap();
    tenant.application("crm", &application, &[&group]).await.unwrap();
    let connector = Connector::start(&tenant.join_token("key", &group, 1).await);
    connector.reporting().await;
    eventually("IPv6 alone finds no address", || async {
        let path = tenant.path(FRANKFURT, "crm", &application).await.map_err(|s| s.to_string())?;
        match path.reason.as_str() {
            "DNS_FAMILY_MISMATCH" => Ok(()),
            other => Err(format!("{other:?} with {} candidates", path.candidates.len())),
        }
    })
    .await;

    let both = UpdateAppConnectorGroupRequest {
        app_connector_group: Some(AppConnectorGroup {
            name: group.name.clone(),
            dns_resolution_option: DnsResolutionOption::Ipv4Ipv6.into(),
            ..AppConnectorGroup::default()
        }),
        update_mask: mask(&["dns_resolution_option"]),
        ..UpdateAppConnectorGroupRequest::default()
    };
    registry.update_app_connector_group(both).await.unwrap();
    eventually("with both families it is reached", || async {
        let path = tenant.path(FRANKFURT, "crm", &application).await.map_err(|s| s.to_string())?;
        if path.candidates.is_empty() { Err(path.reason) } else { Ok(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_lists_every_group_with_name_status_version_profile_and_next_update() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let on = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let off = tenant.group("singapore", SINGAPORE).await.unwrap();
    tenant.enable_group(&off, false).await.unwrap();
    let rows = eventually("both rows are whole", || async {
        let request = ListAppConnectorGroupOverviewsRequest {
            parent: tenant.parent(),
            ..ListAppConnectorGroupOverviewsRequest::default()
        };
        let mut overview = tenant.api.overview.clone();
        let listed = overview.list_app_connector_group_overviews(request).await;
        let rows =
            listed.map_err(|status| status.to_string())?.into_inner().app_connector_group_overviews;
        let whole = |row: &AppConnectorGroupOverview| {
            row.version_profile.is_some() && row.next_periodic_update.is_some()
        };
        let seen_off = rows.iter().any(|row| row.status() == GroupStatus::Disabled);
        if rows.len() == 2 && seen_off && rows.iter().all(whole) {
            Ok(rows)
        } else {
            Err(format!("{rows:?}"))
        }
    })
    .await;
    // No filter by default: the disabled group is on the page as well.
    let status = |group: &AppConnectorGroup| {
        rows.iter().find(|row| row.name == group.name).map(AppConnectorGroupOverview::status)
    };
    assert_eq!(status(&on), Some(GroupStatus::Enabled));
    assert_eq!(status(&off), Some(GroupStatus::Disabled));
    for row in &rows {
        assert!(!row.display_name.is_empty());
        let profile = row.version_profile.as_ref().expect("whole");
        assert!(format!("{profile:?}").contains("versionProfiles/"), "{profile:?}");
        assert!(row.next_periodic_update.as_ref().expect("whole").start_time.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expanded_row_shows_every_detail_of_the_page() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let request = CreateAppConnectorGroupRequest {
        parent: tenant.parent(),
        app_connector_group_id: "frankfurt".into(),
        app_connector_group: Some(AppConnectorGroup {
            display_name: "Frankfurt".into(),
            description: "The racks on the second floor.".into(),
            location: Some(FRANKFURT.location()),
            disaster_recovery: true,
            ..AppConnectorGroup::default()
        }),
        ..CreateAppConnectorGroupRequest::default()
    };
    let mut registry = tenant.api.registry.clone();
    let group = registry.create_app_connector_group(request).await.unwrap().into_inner();
    let connector = Connector::start(&tenant.join_token("key", &group, 3).await);
    let name = connector.reporting().await.to_string();

    let row = row(&tenant, &group, "the row knows key use and connector", |row| {
        row.provisioning_keys.iter().any(|key| key.use_count == 1)
            && row.app_connectors.iter().any(|connector| connector.name == name)
            && row.persist_local_version_profile.is_some()
    })
    .await;
    assert_eq!(row.dns_resolution_option(), DnsResolution::Ipv4Ipv6);
    let location = row.location.expect("a location");
    assert_eq!(location.city, "Frankfurt");
    let coordinates = location.coordinates.expect("coordinates");
    assert_eq!(
        (coordinates.latitude, coordinates.longitude),
        (FRANKFURT.latitude, FRANKFURT.longitude)
    );
    assert_eq!(row.persist_local_version_profile, Some(false), "off by default");
    assert_eq!(row.provisioning_keys[0].max_uses, 3);
    assert_eq!(row.description, "The racks on the second floor.");
    assert_eq!(row.disaster_recovery, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_group_is_edited_and_deleted() {
    let system = System::start().await;
    let tenant = system.tenant().await;
    let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
    let mut registry = tenant.api.registry.clone();
    let edit = UpdateAppConnectorGroupRequest {
        app_connector_group: Some(AppConnectorGroup {
            name: group.name.clone(),
            display_name: "Frankfurt am Main".into(),
            ..AppConnectorGroup::default()
        }),
        update_mask: mask(&["display_name"]),
        ..UpdateAppConnectorGroupRequest::default()
    };
    let edited = registry.update_app_connector_group(edit).await.unwrap().into_inner();
    assert_eq!(edited.display_name, "Frankfurt am Main");
    assert_eq!(edited.location, group.location, "what was not edited stays");

    let delete = DeleteAppConnectorGroupRequest {
        name: group.name.clone(),
        ..DeleteAppConnectorGroupRequest::default()
    };
    let deleted = registry.delete_app_connector_group(delete).await.unwrap().into_inner();
    assert!(deleted.delete_time.is_some());
    let list = ListAppConnectorGroupsRequest {
        parent: tenant.parent(),
        ..ListAppConnectorGroupsRequest::default()
    };
    let left = registry.list_app_connector_groups(list).await.unwrap().into_inner();
    assert!(left.app_connector_groups.is_empty());
}
