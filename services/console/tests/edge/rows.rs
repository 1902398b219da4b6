//! One row: its columns, its conditions, and what is told of a sibling that is down.

use proto::overview::v1::{AcceptSnapshotRequest, Connection, Source, SourceState};
use tonic::Code;

use crate::{
    ground::{ROOT, reasons, serving, source},
    world::{World, as_group, connector, group, key, server_group},
};

#[tokio::test]
async fn a_row_has_every_column_of_the_page() {
    let world = World::default();
    world.complete_group("berlin");
    let serving = serving(world).await;
    let row = serving
        .row_that("keys arrive", "berlin", |row| row.provisioning_key_count == Some(1))
        .await;

    assert_eq!(
        (row.display_name.as_str(), row.status().as_str_name()),
        ("Group berlin", "GROUP_STATUS_ENABLED")
    );
    let profile = row.version_profile.as_ref().unwrap();
    assert_eq!(profile.version_profile, "versionProfiles/new-release");
    assert_eq!(row.next_periodic_update.as_ref().unwrap().local_start, "2026-11-29 02:00:00");
    assert_eq!(row.dns_resolution_option().as_str_name(), "DNS_RESOLUTION_IPV4");
    let place = row.location.as_ref().unwrap();
    let at = place.coordinates.as_ref().unwrap();
    assert_eq!((at.latitude, at.longitude), (52.52, 13.405));
    assert_eq!((place.city.as_str(), place.time_zone.as_str()), ("Berlin", "Europe/Berlin"));
    assert_eq!(
        (row.persist_local_version_profile, row.disaster_recovery),
        (Some(true), Some(true))
    );
    assert_eq!((row.description.as_str(), row.etag.as_str()), ("the first floor", "etag-1"));
    assert_eq!(row.labels["team"], "blue");
    assert_eq!(row.server_groups, ["tenants/acme/serverGroups/berlin-servers"]);

    let key = &row.provisioning_keys[0];
    assert_eq!((key.use_count, key.max_uses, key.usable), (2, 10, true));
    let connections: Vec<_> = row.app_connectors.iter().map(|it| it.connection()).collect();
    assert_eq!(connections, [Connection::Connected, Connection::Disconnected]);
    assert_eq!(row.app_connectors[0].version, "0.1.0");
    assert!(
        row.app_connectors[0].connect_time.is_some()
            && row.app_connectors[1].connect_time.is_none()
    );
    assert_eq!((row.app_connector_count, row.connected_app_connector_count), (Some(2), Some(1)));
    assert_eq!(reasons(&row), [""; 0]);
    for one in [Source::Registry, Source::Provisioning, Source::Updates, Source::Paths] {
        assert_eq!(source(&row, one), (SourceState::Available, vec![]));
    }
    serving.stop().await;
}

#[tokio::test]
async fn conditions_name_what_a_group_lacks_and_go_when_it_is_there() {
    let world = World::default();
    let mut off = group("bare");
    off.enabled = Some(false);
    world.register(as_group(off));
    let serving = serving(world).await;
    let known = |row: &proto::overview::v1::AppConnectorGroupOverview| {
        row.provisioning_key_count == Some(0)
    };
    let row = serving.row_that("provisioning is heard", "bare", known).await;
    assert_eq!(reasons(&row), ["NO_SERVER_GROUP", "NO_PROVISIONING_KEY", "NO_APP_CONNECTOR"]);
    assert_eq!(row.status().as_str_name(), "GROUP_STATUS_DISABLED");

    serving.world.register(server_group("erp", "bare"));
    serving.world.key(key("spent", "bare", 3, 3));
    serving.world.register(connector("one", "bare"));
    let arrived = |row: &proto::overview::v1::AppConnectorGroupOverview| {
        row.app_connector_count == Some(1) && row.provisioning_key_count == Some(1)
    };
    let row = serving.row_that("all of it arrives", "bare", arrived).await;
    assert_eq!(
        reasons(&row),
        ["NO_PROVISIONING_KEY", "NO_CONNECTED_APP_CONNECTOR", "SINGLE_APP_CONNECTOR"],
        "a spent key is none, and paths never saw the connector"
    );
    serving.world.key(key("spent", "bare", 3, 4));
    let usable =
        |row: &proto::overview::v1::AppConnectorGroupOverview| row.provisioning_keys[0].usable;
    let row = serving.row_that("the raised limit arrives", "bare", usable).await;
    assert_eq!(reasons(&row), ["NO_CONNECTED_APP_CONNECTOR", "SINGLE_APP_CONNECTOR"]);
    serving.stop().await;
}

#[tokio::test]
async fn a_sibling_that_is_down_costs_its_columns_and_accuses_nobody() {
    let world = World::default();
    world.complete_group("berlin");
    let serving = serving(world).await;
    serving.row_that("keys arrive", "berlin", |row| row.provisioning_key_count == Some(1)).await;

    serving.world.updates_refuses(true);
    serving.world.paths_hang(true);
    let row = serving.row("berlin").await.unwrap();
    let (state, missing) = source(&row, Source::Updates);
    assert_eq!(state, SourceState::Unavailable);
    assert!(missing.contains(&"next_periodic_update".to_owned()), "{missing:?}");
    let (state, missing) = source(&row, Source::Paths);
    assert_eq!(state, SourceState::Unavailable);
    assert_eq!(missing, ["connected_app_connector_count", "app_connectors"]);
    assert_eq!((row.connected_app_connector_count, row.app_connector_count), (None, Some(2)));
    assert!(row.app_connectors.iter().all(|it| it.connection() == Connection::Unknown));
    assert_eq!(reasons(&row), [""; 0], "not heard is not disconnected");
    let paths = row.sources.iter().find(|it| it.source() == Source::Paths).unwrap();
    assert!(paths.answer_time.is_some() && !paths.message.is_empty());

    serving.world.updates_refuses(false);
    serving.world.paths_hang(false);
    let row = serving.row("berlin").await.unwrap();
    assert_eq!(row.connected_app_connector_count, Some(1));
    serving.stop().await;
}

#[tokio::test]
async fn keys_are_shown_as_old_as_they_are_while_provisioning_is_down() {
    let world = World::default();
    world.complete_group("berlin");
    let serving = serving(world).await;
    serving.row_that("keys arrive", "berlin", |row| row.provisioning_key_count == Some(1)).await;
    serving.world.provisioning_refuses(true);
    let stale = |row: &proto::overview::v1::AppConnectorGroupOverview| {
        source(row, Source::Provisioning).0 == SourceState::Stale
    };
    let row = serving.row_that("the break is noticed", "berlin", stale).await;
    assert_eq!(row.provisioning_keys[0].use_count, 2);
    serving.world.key(key("berlin-key", "berlin", 3, 10));
    serving.world.provisioning_refuses(false);
    let fresh = |row: &proto::overview::v1::AppConnectorGroupOverview| {
        source(row, Source::Provisioning).0 == SourceState::Available
            && row.provisioning_keys[0].use_count == 3
    };
    serving.row_that("the watch goes on", "berlin", fresh).await;
    serving.stop().await;
}

#[tokio::test]
async fn keys_that_a_provisioning_made_anew_does_not_know_are_shown_until_that_is_accepted() {
    let world = World::default();
    world.complete_group("berlin");
    let serving = serving(world).await;
    serving.row_that("keys arrive", "berlin", |row| row.provisioning_key_count == Some(1)).await;
    serving.world.provisioning_refuses(true);
    let stale = |row: &proto::overview::v1::AppConnectorGroupOverview| {
        source(row, Source::Provisioning).0 == SourceState::Stale
    };
    serving.row_that("the break is noticed", "berlin", stale).await;
    serving.world.forget_keys();
    serving.world.provisioning_refuses(false);
    let accept = |snapshot: String, validate_only| {
        let source = "provisioning".to_owned();
        let request = AcceptSnapshotRequest { source, snapshot, validate_only };
        let mut client = serving.client(ROOT);
        async move { client.accept_snapshot(request).await }
    };
    let told = |row: &proto::overview::v1::AppConnectorGroupOverview| {
        row.sources.iter().any(|it| it.message.contains("SNAPSHOT_SHRUNK"))
    };
    let row = serving.row_that("the refusal is told", "berlin", told).await;
    assert_eq!(source(&row, Source::Provisioning).0, SourceState::Stale);
    assert_eq!(row.provisioning_key_count, Some(1));
    let refused = accept(String::new(), true).await.unwrap().into_inner().snapshot.unwrap();
    assert_eq!((refused.missing[0].kind.as_str(), refused.missing[0].missing_count), ("keys", 1));
    accept(refused.snapshot, false).await.unwrap();
    let row = serving.row("berlin").await.unwrap();
    assert_eq!(row.provisioning_key_count, Some(0));
    assert_eq!(source(&row, Source::Provisioning).0, SourceState::Available);
    serving.stop().await;
}

#[tokio::test]
async fn provisioning_that_was_never_heard_leaves_its_columns_out() {
    let world = World::default();
    world.provisioning_refuses(true);
    world.complete_group("berlin");
    let serving = serving(world).await;
    let row = serving.row("berlin").await.unwrap();
    let (state, missing) = source(&row, Source::Provisioning);
    assert_eq!(state, SourceState::Unavailable);
    assert_eq!(missing, ["provisioning_key_count", "provisioning_keys"]);
    assert_eq!(row.provisioning_key_count, None);
    assert!(!reasons(&row).contains(&"NO_PROVISIONING_KEY"));
    serving.stop().await;
}

#[tokio::test]
async fn a_group_too_new_for_the_copy_or_for_updates_still_has_a_row() {
    let world = World::default();
    world.register(as_group(group("too-new")));
    let serving = serving(world).await;
    let row = serving.row("too-new").await.unwrap();
    assert_eq!(source(&row, Source::Updates).0, SourceState::Unavailable);
    let row = serving.row("only-asked").await.unwrap();
    assert_eq!(row.display_name, "Group only-asked");
    let missing = serving.row("nobody").await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    serving.stop().await;
}
