//! A use is counted once, whatever happens at once.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::join_all;
use proto::provisioning::v1::{enrolment, provisioning_key::State};

use crate::{
    ground::{GROUP, Ground, failure, key_of},
    newcomer::Newcomer,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_with_three_uses_enrols_exactly_three_of_sixty_four_at_once() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 3)).await;
    let door = ground.door();
    let answers = join_all((0..64).map(|_| {
        let (mut door, secret) = (door.clone(), secret.clone());
        async move { door.enroll(Newcomer::new().request(&secret)).await.map_err(failure) }
    }))
    .await;
    let (joined, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let connectors: BTreeSet<String> =
        joined.into_iter().map(|answer| answer.unwrap().into_inner().app_connector).collect();
    let expected = (1..=3).map(|n| format!("tenants/acme/appConnectors/berlin-{n}"));
    assert_eq!(connectors, expected.collect());
    assert_eq!(refused.len(), 61);
    for answer in refused {
        let reason = answer.unwrap_err().reason().to_owned();
        assert!(["KEY_EXHAUSTED", "ENROLMENT_RATE_LIMITED"].contains(&reason.as_str()), "{reason}");
    }
    let key = ground.read_key(&key.name).await;
    assert_eq!((key.use_count, key.state()), (3, State::Exhausted));
    let ledger = ground.ledger(&key.name).await;
    assert_eq!(ledger.len(), 3);
    assert!(ledger.iter().all(|line| line.state() == enrolment::State::Active));
    assert_eq!(ground.registry.connectors().len(), 3);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_finds_the_same_connector_and_costs_no_use_even_on_a_spent_key() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 1)).await;
    let newcomer = Newcomer::new();
    let first = newcomer.enrol(&ground, &secret).await.unwrap();
    let again = newcomer.enrol(&ground, &secret).await.unwrap();
    assert!(!first.replay && again.replay);
    assert_eq!(first.app_connector, again.app_connector);
    assert_ne!(
        first.certificates.unwrap().certificate_chain,
        again.certificates.unwrap().certificate_chain,
        "the leaf is fresh"
    );
    assert_eq!(ground.use_count(&key.name).await, 1);
    assert_eq!(Newcomer::new().refused(&ground, &secret).await, "KEY_EXHAUSTED");
    ground.hand.advance(std::time::Duration::from_secs(24 * 3600 + 1));
    assert_eq!(newcomer.refused(&ground, &secret).await, "KEY_EXHAUSTED");
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_public_key_that_asks_sixteen_times_at_once_is_one_connector() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 0)).await;
    let newcomer = Arc::new(Newcomer::new());
    let answers = join_all((0..16).map(|_| {
        let (mut door, request) = (ground.door(), newcomer.request(&secret));
        async move { door.enroll(request).await.map_err(failure) }
    }))
    .await;
    let connectors: BTreeSet<String> =
        answers.into_iter().map(|answer| answer.unwrap().into_inner().app_connector).collect();
    assert_eq!(connectors.len(), 1);
    assert_eq!(ground.use_count(&key.name).await, 1);
    assert_eq!(ground.ledger(&key.name).await.len(), 1);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_registry_gives_the_use_back_and_leaves_a_tombstone() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 1)).await;
    ground.registry.group(GROUP, false);
    let newcomer = Newcomer::new();
    assert_eq!(newcomer.refused(&ground, &secret).await, "GROUP_DISABLED");
    assert_eq!(ground.use_count(&key.name).await, 0);
    assert_eq!(ground.registry.tombstones(), 1);
    let ledger = ground.ledger(&key.name).await;
    assert_eq!(ledger[0].state(), enrolment::State::Abandoned);
    assert_eq!(ledger[0].reason, "GROUP_DISABLED");
    ground.registry.group(GROUP, true);
    let joined = newcomer.enrol(&ground, &secret).await.unwrap();
    assert_eq!(joined.app_connector, "tenants/acme/appConnectors/berlin-2", "ids never come again");
    assert_eq!(ground.use_count(&key.name).await, 1);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_whose_names_give_one_prefix_never_give_one_id_twice() {
    let ground = Ground::start().await;
    let (_, one) = ground.key(key_of("Berlin A", 0)).await;
    let (_, other) = ground.key(key_of("berlin-a", 0)).await;
    let door = ground.door();
    let answers = join_all((0..16).map(|n| {
        let secret = if n % 2 == 0 { one.clone() } else { other.clone() };
        let mut door = door.clone();
        async move { door.enroll(Newcomer::new().request(&secret)).await.unwrap().into_inner() }
    }))
    .await;
    let connectors: BTreeSet<String> =
        answers.into_iter().map(|answer| answer.app_connector).collect();
    assert_eq!(connectors.len(), 16);
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_that_come_back_while_others_are_spent_leave_the_count_exact() {
    let ground = Ground::start().await;
    let (key, secret) = ground.key(key_of("Berlin", 0)).await;
    let door = ground.door();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..240 {
        let (mut door, secret) = (door.clone(), secret.clone());
        asking.spawn(async move { door.enroll(Newcomer::new().request(&secret)).await });
    }
    let (mut joined, mut refused) = (0, 0);
    while let Some(answer) = asking.join_next().await {
        // Registry changes its mind with every answer, so that some are let in and others give their use back.
        ground.registry.group(GROUP, asking.len() % 2 == 0);
        match answer.unwrap().map_err(failure) {
            Ok(_) => joined += 1,
            Err(refusal) => {
                assert_eq!(refusal.reason(), "GROUP_DISABLED");
                refused += 1;
            }
        }
    }
    assert!(joined > 0 && refused > 0, "{joined} joined, {refused} were refused");
    let ledger = ground.ledger(&key.name).await;
    let active = ledger.iter().filter(|line| line.state() == enrolment::State::Active).count();
    assert_eq!(active, joined);
    assert_eq!(ground.use_count(&key.name).await, active as i64);
    ground.stop().await;
}
