//! What a crash or a lost answer left is finished or undone; nothing leaks a use.

use std::time::Duration;

use proto::provisioning::v1::enrolment::State;

use crate::{
    ground::{GROUP, Ground, eventually, key_of},
    newcomer::Newcomer,
    registry::Mood,
};

/// Beyond the time that a call is left alone, and the worker's period.
const LATER: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolment_left_behind_is_finished_after_a_restart_and_its_host_finds_it() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 1)).await;
    let newcomer = Newcomer::new();
    ground.registry.mood(Mood::Away);
    assert_eq!(newcomer.refused(&ground, &secret).await, "REGISTRY_UNAVAILABLE");
    assert_eq!(ground.use_count(&key.name).await, 1, "the use is held");
    assert_eq!(Newcomer::new().refused(&ground, &secret).await, "KEY_EXHAUSTED");

    let ground = ground.restart().await;
    assert_eq!(ground.ledger(&key.name).await[0].state(), State::Reserved);
    ground.registry.mood(Mood::Well);
    ground.hand.advance(LATER);
    eventually("the worker finishes it", || async {
        ground.hand.advance(Duration::from_secs(5));
        ground.ledger(&key.name).await[0].state() == State::Active
    })
    .await;
    let joined = newcomer.enrol(&ground, &secret).await.unwrap();
    assert!(joined.replay);
    assert_eq!(ground.registry.connectors(), [joined.app_connector]);
    assert_eq!(ground.use_count(&key.name).await, 1);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_whose_answer_was_lost_goes_forward_though_the_group_was_disabled_since() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 1)).await;
    ground.registry.mood(Mood::LosesAnswers);
    assert_eq!(Newcomer::new().refused(&ground, &secret).await, "REGISTRY_UNAVAILABLE");
    ground.registry.mood(Mood::Well);
    ground.registry.group(GROUP, false);
    ground.hand.advance(LATER);
    eventually("the worker finishes it", || async {
        ground.hand.advance(Duration::from_secs(5));
        ground.ledger(&key.name).await[0].state() == State::Active
    })
    .await;
    assert_eq!(ground.use_count(&key.name).await, 1);
    assert_eq!(ground.registry.tombstones(), 0);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_use_comes_back_when_registry_refuses_in_the_end() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 1)).await;
    ground.registry.mood(Mood::Away);
    assert_eq!(Newcomer::new().refused(&ground, &secret).await, "REGISTRY_UNAVAILABLE");
    ground.registry.lose_group(GROUP);
    ground.registry.mood(Mood::Well);
    ground.hand.advance(LATER);
    eventually("the use comes back", || async {
        ground.hand.advance(Duration::from_secs(5));
        ground.use_count(&key.name).await == 0
    })
    .await;
    let ledger = ground.ledger(&key.name).await;
    assert_eq!(
        (ledger[0].state(), ledger[0].reason.as_str()),
        (State::Abandoned, "GROUP_NOT_FOUND")
    );
    assert_eq!(ground.registry.tombstones(), 1);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_counts_and_certificates_survive_a_restart() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 2)).await;
    let first = Newcomer::new().enrol(&ground, &secret).await.unwrap();
    let ground = ground.restart().await;
    let second = Newcomer::new().enrol(&ground, &secret).await.unwrap();
    assert_eq!(second.app_connector, "tenants/acme/appConnectors/berlin-2");
    assert_eq!(
        first.certificates.unwrap().tenant_bundle,
        second.certificates.unwrap().tenant_bundle,
        "one authority for ever"
    );
    assert_eq!(ground.use_count(&key.name).await, 2);
    ground.stop().await;
}
