//! What a crash or a lost answer left is finished or undone; nothing leaks a use.

use std::time::Duration;

use proto::provisioning::v1::enrolment::State;

use crate::{
    house::{GROUP, House, eventually, key_of},
    newcomer::Newcomer,
    registry::Mood,
};

/// Beyond the time that a call is left alone, and the worker's period.
const LATER: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolment_left_behind_is_finished_after_a_restart_and_its_host_finds_it() {
    let house = House::start().await;
    let (key, secret) = house.key(key_of("Berlin", 1)).await;
    let newcomer = Newcomer::new();
    house.registry.mood(Mood::Away);
    assert_eq!(newcomer.refused(&house, &secret).await, "REGISTRY_UNAVAILABLE");
    assert_eq!(house.use_count(&key.name).await, 1, "the use is held");
    assert_eq!(Newcomer::new().refused(&house, &secret).await, "KEY_EXHAUSTED");

    let house = house.restart().await;
    assert_eq!(house.ledger(&key.name).await[0].state(), State::Reserved);
    house.registry.mood(Mood::Well);
    house.hand.advance(LATER);
    eventually("the worker finishes it", || async {
        house.hand.advance(Duration::from_secs(5));
        house.ledger(&key.name).await[0].state() == State::Active
    })
    .await;
    let joined = newcomer.enrol(&house, &secret).await.unwrap();
    assert!(joined.replay);
    assert_eq!(house.registry.connectors(), [joined.app_connector]);
    assert_eq!(house.use_count(&key.name).await, 1);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_whose_answer_was_lost_goes_forward_though_the_group_was_disabled_since() {
    let house = House::start().await;
    let (key, secret) = house.key(key_of("Berlin", 1)).await;
    house.registry.mood(Mood::LosesAnswers);
    assert_eq!(Newcomer::new().refused(&house, &secret).await, "REGISTRY_UNAVAILABLE");
    house.registry.mood(Mood::Well);
    house.registry.group(GROUP, false);
    house.hand.advance(LATER);
    eventually("the worker finishes it", || async {
        house.hand.advance(Duration::from_secs(5));
        house.ledger(&key.name).await[0].state() == State::Active
    })
    .await;
    assert_eq!(house.use_count(&key.name).await, 1);
    assert_eq!(house.registry.tombstones(), 0);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_use_comes_back_when_registry_refuses_in_the_end() {
    let house = House::start().await;
    let (key, secret) = house.key(key_of("Berlin", 1)).await;
    house.registry.mood(Mood::Away);
    assert_eq!(Newcomer::new().refused(&house, &secret).await, "REGISTRY_UNAVAILABLE");
    house.registry.lose_group(GROUP);
    house.registry.mood(Mood::Well);
    house.hand.advance(LATER);
    eventually("the use comes back", || async {
        house.hand.advance(Duration::from_secs(5));
        house.use_count(&key.name).await == 0
    })
    .await;
    let ledger = house.ledger(&key.name).await;
    assert_eq!(
        (ledger[0].state(), ledger[0].reason.as_str()),
        (State::Abandoned, "GROUP_NOT_FOUND")
    );
    assert_eq!(house.registry.tombstones(), 1);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_counts_and_certificates_survive_a_restart() {
    let house = House::start().await;
    let (key, secret) = house.key(key_of("Berlin", 2)).await;
    let first = Newcomer::new().enrol(&house, &secret).await.unwrap();
    let house = house.restart().await;
    let second = Newcomer::new().enrol(&house, &secret).await.unwrap();
    assert_eq!(second.app_connector, "tenants/acme/appConnectors/berlin-2");
    assert_eq!(
        first.certificates.unwrap().tenant_bundle,
        second.certificates.unwrap().tenant_bundle,
        "one authority for ever"
    );
    assert_eq!(house.use_count(&key.name).await, 2);
    house.stop().await;
}
