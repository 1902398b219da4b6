use std::time::Duration;

use proto::{
    paths::v1::{AcceptSnapshotRequest, BackupRequest, Degradation, GetServerInfoRequest},
    registry::v1::HealthReporting,
    r#type::v1::RefusedSnapshot,
};
use tonic::Code;

use crate::ground::{ADMIN, PARIS, Serving, WIKI, chosen, ground, reason, two_sites, until};

#[tokio::test]
async fn with_every_sibling_down_a_restart_answers_from_its_own_copy_and_says_its_age() {
    let ground = two_sites(HealthReporting::Continuous);
    ground.siblings.trust.revoke("berlin");
    let serving = ground.start().await;
    let mut paris = serving.connector("paris").await;
    paris.assignment().await;
    // A change after the snapshot is in the copy too.
    ground.siblings.configuration.segment(
        "late",
        "late.corp.example",
        &["paris"],
        HealthReporting::None,
    );
    until("the late segment is known", || async {
        chosen(&serving.ask(crate::ground::query(PARIS, "late.corp.example")).await) == "paris"
    })
    .await;
    serving.stop().await;

    ground.hands.advance(Duration::from_secs(3_600));
    let alone = ground.start_alone().await;
    let ready = tokio::time::timeout(Duration::from_secs(20), alone.running.health().ready());
    ready.await.expect("a copy is enough to be ready");
    let silent = alone.select(PARIS).await;
    assert_eq!(chosen(&silent), "NO_CONNECTED_CONNECTOR", "what was live is not kept");
    assert_eq!(silent.degradation(), Degradation::StaleConfiguration);
    let mut paris = alone.connector("paris").await;
    assert_eq!(paris.assignment().await.targets.len(), 1);
    paris.reaches(WIKI, 2.0).await;
    let answer = alone.select(PARIS).await;
    assert_eq!(chosen(&answer), "paris");
    assert_eq!(answer.degradation(), Degradation::StaleConfiguration);
    let age = answer.config_age.expect("every answer says it");
    assert!(
        (3_600..3_610).contains(&age.seconds),
        "an hour, though nobody confirmed it in this life: {age:?}"
    );
    let confirmed = rpc::time::parse(&answer.config_confirm_time.unwrap()).unwrap();
    assert_eq!(ground.clock.now().as_second() - confirmed.as_second(), 3_600);
    let late = alone.ask(crate::ground::query(PARIS, "late.corp.example")).await;
    assert_eq!(chosen(&late), "paris");
    let revoked = alone.refused("berlin").await;
    assert_eq!(revoked.code(), Code::Unauthenticated, "{revoked:?}");
    alone.stop().await;
}

#[tokio::test]
async fn what_registry_no_longer_has_is_gone_after_a_relist() {
    let mut ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let _paris = serving.connector("paris").await;
    assert_eq!(chosen(&serving.select(PARIS).await), "paris");
    serving.stop().await;

    ground.siblings = Default::default();
    let fresh = ground;
    fresh.siblings.configuration.tenant("acme");
    fresh.siblings.trust.authority("acme", fresh.authority.certificate());
    let serving = fresh.start().await;
    until("the segment is gone", || async { chosen(&serving.select(PARIS).await) == "NO_SEGMENT" })
        .await;
    serving.stop().await;
    let alone = fresh.start_alone().await;
    assert_eq!(chosen(&alone.select(PARIS).await), "NO_SEGMENT", "in the copy too");
    alone.stop().await;
}

async fn accept(
    serving: &Serving<'_>,
    source: &str,
    snapshot: &str,
    validate_only: bool,
) -> Result<RefusedSnapshot, String> {
    let (source, snapshot) = (source.to_owned(), snapshot.to_owned());
    let request = AcceptSnapshotRequest { source, snapshot, validate_only };
    let answer = serving.client(ADMIN).accept_snapshot(request).await;
    answer.map(|it| it.into_inner().snapshot.unwrap()).map_err(|status| reason(&status))
}

#[tokio::test]
async fn siblings_that_were_made_anew_take_no_path_and_no_refusal_back_until_they_are_accepted() {
    let ground = two_sites(HealthReporting::None);
    ground.siblings.trust.revoke("berlin");
    let serving = ground.start().await;
    let paris = serving.connector("paris").await;
    assert_eq!(chosen(&serving.select(PARIS).await), "paris");
    drop(paris);
    serving.stop().await;

    ground.siblings.configuration.forget_everything();
    ground.siblings.trust.forget_everything();
    let serving = ground.start().await;
    let health = |name: &str| serving.running.health().is_serving(name);
    until("both snapshots are refused", || async {
        ["paths/registry/snapshot", "paths/provisioning/snapshot"]
            .map(health)
            .iter()
            .all(|serving| *serving == Some(false))
    })
    .await;
    let _paris = serving.connector("paris").await;
    assert_eq!(chosen(&serving.select(PARIS).await), "paris");
    assert_eq!(serving.refused("berlin").await.code(), Code::Unauthenticated);

    let refused = accept(&serving, "registry", "", true).await.unwrap();
    let kinds: Vec<_> =
        refused.missing.iter().map(|it| (it.kind.as_str(), it.missing_count)).collect();
    assert_eq!(kinds, [("connectors", 2), ("groups", 2)]);
    assert!(refused.epoch_changed);
    assert_eq!(accept(&serving, "registry", &refused.snapshot, false).await.unwrap(), refused);
    assert_eq!(chosen(&serving.select(PARIS).await), "TENANT_UNKNOWN");
    assert_eq!(health("paths/registry/snapshot"), Some(true));
    assert_eq!(health("paths/provisioning/snapshot"), Some(false), "each is accepted by itself");
    let acme = "tenants/acme".parse().unwrap();
    assert!(!serving.running.trust().tenant_roots(&acme).is_empty());
    let refused = accept(&serving, "provisioning", "", true).await.unwrap();
    assert_eq!(refused.missing[0].kind, "authorities");
    accept(&serving, "provisioning", &refused.snapshot, false).await.unwrap();
    assert!(serving.running.trust().tenant_roots(&acme).is_empty());
    assert_eq!(accept(&serving, "updates", "", true).await.unwrap_err(), "FIELDS_INVALID");
    serving.stop().await;

    // The copy on disk is of the new life too.
    let again = ground.start_alone().await;
    assert_eq!(chosen(&again.select(PARIS).await), "TENANT_UNKNOWN");
    again.stop().await;
}

#[tokio::test]
async fn without_any_configuration_the_answer_says_so_and_the_service_is_not_ready() {
    let ground = ground();
    let alone = ground.start_alone().await;
    assert_eq!(chosen(&alone.select(PARIS).await), "SNAPSHOT_NOT_READY");
    assert!(!alone.running.health().obstacles().is_empty());
    let request = proto::paths::v1::GetConnectorStatusRequest {
        name: "tenants/acme/appConnectors/paris/status".into(),
    };
    let refused = alone.admin().get_connector_status(request).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unavailable, "SNAPSHOT_NOT_READY")
    );
    alone.stop().await;
}

#[tokio::test]
async fn the_store_can_be_read_out_whole_while_it_serves() {
    let ground = two_sites(HealthReporting::None);
    let serving = ground.start().await;
    let mut client = serving.client(ADMIN);
    // The secret, registry's objects and provisioning's, one commit each.
    until("both copies are written", || async {
        let info = serving.admin().get_server_info(GetServerInfoRequest {}).await;
        info.unwrap().into_inner().revision >= 3
    })
    .await;
    let mut chunks = client.backup(BackupRequest {}).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = chunks.message().await.unwrap() {
        bytes.extend_from_slice(&part.chunk);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let summary = store::verify(file.path()).await.unwrap();
    let info = client.get_server_info(GetServerInfoRequest {}).await.unwrap().into_inner();
    assert_eq!((info.service.as_str(), info.epoch), ("paths", summary.epoch.to_string()));
    assert!(summary.rows > 5 && info.revision > 0);
    serving.stop().await;
}
