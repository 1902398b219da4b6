//! Requests that are sent more than once.

use std::time::Duration;

use bytes::Bytes;
use store::{At, Commit, CommitError, Failed, IdempotencyKey, ReplayError, Store};
use uuid::Uuid;

use crate::harness::{Harness, Settings, commit, failed, key, put, text};

fn id(scope: &str, number: u128, request: u8) -> IdempotencyKey {
    IdempotencyKey {
        scope: scope.to_owned(),
        request_id: Uuid::from_u128(number),
        fingerprint: [request; 32],
    }
}

fn create(name: &str) -> Commit {
    commit().require_absent(&key(name)).put(key(name), "made")
}

pub(crate) async fn a_repeated_request_is_answered_with_its_first_success(place: impl Harness) {
    let store = place.open().await;
    assert_eq!(store.find_replay(&id("m", 1, 1)).await, Ok(None));
    let first = store.commit(create("a").idempotent(id("m", 1, 1), "answer")).await.unwrap();
    assert_eq!(first.replay, None);
    let other = put(&store, "b", "later").await;

    let again = store.commit(create("a").idempotent(id("m", 1, 1), "other")).await.unwrap();
    assert_eq!(again.replay.as_deref(), Some(&b"answer"[..]));
    assert_eq!(again.revision, first.revision);
    assert_eq!(store.published(), other, "a replay writes nothing");
    let replay = store.find_replay(&id("m", 1, 1)).await;
    assert_eq!(replay, Ok(Some(Bytes::from_static(b"answer"))));
}

pub(crate) async fn another_request_under_the_same_id_is_refused(place: impl Harness) {
    let store = place.open().await;
    store.commit(create("a").idempotent(id("m", 1, 1), "answer")).await.unwrap();
    let result = store.commit(create("b").idempotent(id("m", 1, 2), "answer")).await;
    assert_eq!(result, Err(CommitError::IdempotencyMismatch));
    assert_eq!(store.find_replay(&id("m", 1, 2)).await, Err(ReplayError::Mismatch));
    assert_eq!(text(&store, "b", At::Published).await, None);
}

pub(crate) async fn the_same_id_of_another_caller_is_another_request(place: impl Harness) {
    let store = place.open().await;
    for (number, scope) in ["one", "two", "on"].into_iter().enumerate() {
        let name = number.to_string();
        let done = store.commit(create(&name).idempotent(id(scope, 1, 1), "x")).await.unwrap();
        assert_eq!(done.replay, None);
    }
}

pub(crate) async fn a_request_that_failed_is_not_remembered(place: impl Harness) {
    let store = place.open().await;
    let taken = put(&store, "a", "taken").await;
    let request = || commit().require_present(&key("a")).require_absent(&key("a"));
    let request = || request().put(key("b"), "x").idempotent(id("m", 1, 1), "answer");
    for _ in 0..2 {
        // The place among the caller's own preconditions, not counting the store's.
        let expected = (1, key("a"), Failed::KeyExists { revision: taken });
        assert_eq!(failed(store.commit(request()).await), expected);
    }
    assert_eq!(store.find_replay(&id("m", 1, 1)).await, Ok(None));
    let other = store.commit(create("c").idempotent(id("m", 1, 2), "x")).await.unwrap();
    assert_eq!(other.replay, None);
}

pub(crate) async fn of_many_copies_of_one_request_exactly_one_takes_place(place: impl Harness) {
    let store = place.open().await;
    let copies = (0..32).map(|number: u32| {
        let store = store.clone();
        tokio::spawn(async move {
            let request = create("a").idempotent(id("m", 1, 1), number.to_string());
            (number, store.commit(request).await.unwrap())
        })
    });
    let mut first = Vec::new();
    let mut replays = Vec::new();
    for copy in futures::future::join_all(copies).await {
        let (number, committed) = copy.unwrap();
        match committed.replay {
            None => first.push((number, committed.revision)),
            Some(response) => replays.push((response, committed.revision)),
        }
    }
    let [(number, revision)] = first[..] else { panic!("one takes place, not {first:?}") };
    assert_eq!(replays, vec![(Bytes::from(number.to_string()), revision); 31]);
}

fn short() -> Settings {
    Settings { idempotency_life: Duration::from_secs(60), ..Settings::default() }
}

async fn counted(store: &Store, place: &impl Harness) -> bool {
    let now = place.clock().now();
    let request = Commit::new(now).put(key("a"), now.to_string());
    store.commit(request.idempotent(id("m", 1, 1), "x")).await.unwrap().replay.is_none()
}

pub(crate) async fn a_request_is_forgotten_when_its_life_is_over(place: impl Harness) {
    let store = place.open_with(short()).await;
    assert!(counted(&store, &place).await);
    place.clock().advance(59);
    assert!(!counted(&store, &place).await);
    place.clock().advance(1);
    assert_eq!(store.find_replay(&id("m", 1, 1)).await, Ok(None));
    assert!(counted(&store, &place).await, "over, although no upkeep ran");
    assert!(!counted(&store, &place).await);
    place.clock().advance(60);
    store.upkeep().await.unwrap();
    assert!(counted(&store, &place).await, "over, and dropped by upkeep");
    assert!(!counted(&store, &place).await);
}

pub(crate) async fn a_renewed_request_survives_the_upkeep_that_forgets_the_old_one(
    place: impl Harness,
) {
    let store = place.open_with(short()).await;
    for number in 0..100 {
        let name = format!("other-{number}");
        store.commit(create(&name).idempotent(id("other", number, 1), "x")).await.unwrap();
    }
    assert!(counted(&store, &place).await);
    place.clock().advance(60);
    assert!(counted(&store, &place).await);
    store.upkeep().await.unwrap();
    assert!(!counted(&store, &place).await);
    for number in 0..100 {
        assert_eq!(store.find_replay(&id("other", number, 2)).await, Ok(None));
    }
}

pub(crate) async fn requests_are_remembered_over_reopening_and_restoring<H: Harness>(place: H) {
    let store = place.open().await;
    store.commit(create("a").idempotent(id("m", 1, 1), "answer")).await.unwrap();
    store.close().await;
    let store = place.open().await;
    let expected = Ok(Some(Bytes::from_static(b"answer")));
    assert_eq!(store.find_replay(&id("m", 1, 1)).await, expected);

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    store.backup(&file).await.unwrap();
    let other = H::new();
    other.restore(&file).await.unwrap();
    assert_eq!(other.open().await.find_replay(&id("m", 1, 1)).await, expected);
}
