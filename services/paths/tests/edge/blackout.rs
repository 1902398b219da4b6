use std::time::Duration;

use proto::{
    paths::v1::{BackupRequest, Degradation, GetServerInfoRequest},
    registry::v1::HealthReporting,
};
use tonic::Code;

use crate::ground::{ADMIN, PARIS, WIKI, chosen, ground, reason, two_sites, until};

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
