//! Commits and preconditions.

use futures::future::join_all;
use store::{At, Failed, Key, Revision, Store};

use crate::harness::{Harness, all, commit, delete, failed, key, list, put, text};

pub(crate) async fn a_commit_changes_all_its_objects_at_one_revision(place: impl Harness) {
    let store = place.open().await;
    put(&store, "gone", "x").await;
    let request = commit().put(key("a"), "1").put(key("b"), "2").delete(key("gone"));
    let revision = store.commit(request).await.unwrap().revision;
    assert_eq!(store.published(), revision);
    for name in ["a", "b"] {
        let row = store.get(&key(name), At::Published).await.unwrap().unwrap();
        assert_eq!((row.revision, row.created), (revision, revision));
    }
    assert_eq!(text(&store, "gone", At::Published).await, None);
}

pub(crate) async fn a_failed_precondition_writes_nothing_and_says_what_was_found(
    place: impl Harness,
) {
    let store = place.open().await;
    let first = put(&store, "here", "1").await;
    let current = put(&store, "here", "2").await;
    let (here, gone) = (key("here"), key("gone"));
    let cases = [
        (commit().require_absent(&here), &here, Failed::KeyExists { revision: current }),
        (commit().require_present(&gone), &gone, Failed::KeyMissing),
        (commit().require_revision(&gone, first), &gone, Failed::KeyMissing),
        (commit().require_revision(&here, first), &here, Failed::RevisionMismatch { current }),
        (
            commit().require_prefix_empty(&all()),
            &here,
            Failed::PrefixNotEmpty { example: here.clone() },
        ),
    ];
    for (request, at, expected) in cases {
        let result = store.commit(request.put(key("new"), "x").delete(here.clone())).await;
        assert_eq!(failed(result), (0, at.clone(), expected));
    }
    assert_eq!(text(&store, "new", At::Published).await, None);
    assert_eq!(text(&store, "here", At::Published).await.as_deref(), Some("2"));

    let all_hold = commit()
        .require_absent(&gone)
        .require_present(&here)
        .require_revision(&here, current)
        .require_prefix_empty(&Key::builder(2).prefix());
    store.commit(all_hold.put(gone.clone(), "now here")).await.unwrap();
    assert_eq!(text(&store, "gone", At::Published).await.as_deref(), Some("now here"));
}

pub(crate) async fn the_first_precondition_that_fails_is_the_one_reported(place: impl Harness) {
    let store = place.open().await;
    put(&store, "here", "1").await;
    let request = commit()
        .require_present(&key("here"))
        .require_present(&key("gone-1"))
        .require_present(&key("gone-2"));
    let result = store.commit(request.put(key("x"), "x")).await;
    assert_eq!(failed(result), (1, key("gone-1"), Failed::KeyMissing));
}

pub(crate) async fn of_many_creators_of_one_key_exactly_one_wins(place: impl Harness) {
    let store = place.open().await;
    let create = |number: usize| {
        let request = commit().require_absent(&key("one")).put(key("one"), number.to_string());
        let store = store.clone();
        tokio::spawn(async move { store.commit(request).await })
    };
    let results: Vec<_> = join_all((0..64).map(create)).await;
    let mut winners = Vec::new();
    for (number, result) in results.into_iter().enumerate() {
        match result.unwrap() {
            Ok(committed) => winners.push((number.to_string(), committed.revision)),
            lost => assert!(matches!(failed(lost).2, Failed::KeyExists { .. })),
        }
    }
    assert_eq!(winners.len(), 1);
    let row = store.get(&key("one"), At::Published).await.unwrap().unwrap();
    assert_eq!((&row.value[..], row.revision), (winners[0].0.as_bytes(), winners[0].1));
}

async fn increment(store: &Store) {
    loop {
        let row = store.get(&key("count"), At::Published).await.unwrap().unwrap();
        let count: u64 = std::str::from_utf8(&row.value).unwrap().parse().unwrap();
        let request = commit().require_revision(&row.key, row.revision);
        let result = store.commit(request.put(row.key, (count + 1).to_string())).await;
        if result.is_ok() {
            return;
        }
        assert!(matches!(failed(result).2, Failed::RevisionMismatch { .. }));
    }
}

pub(crate) async fn no_increment_is_lost_between_concurrent_callers(place: impl Harness) {
    let store = place.open().await;
    put(&store, "count", "0").await;
    let callers = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..25 {
                increment(&store).await;
            }
        })
    });
    for caller in join_all(callers).await {
        caller.unwrap();
    }
    assert_eq!(text(&store, "count", At::Published).await.as_deref(), Some("200"));
}

/// A child names its parent's key as present; the parent's delete wants no children.
pub(crate) async fn a_guarded_delete_and_a_guarded_create_never_both_win(place: impl Harness) {
    let store = place.open().await;
    for round in 0..32 {
        let parent = Key::builder(1).text(&format!("parent-{round}")).finish();
        let children = Key::builder(2).text(&format!("parent-{round}"));
        let child = children.clone().text("child").finish();
        store.commit(commit().put(parent.clone(), "p")).await.unwrap();
        let create = commit().require_present(&parent).put(child.clone(), "c");
        let remove = commit().require_prefix_empty(&children.prefix()).delete(parent.clone());
        let (created, removed) = futures::join!(store.commit(create), store.commit(remove));
        assert!(created.is_ok() != removed.is_ok(), "{created:?} {removed:?}");
        let has_parent = store.get(&parent, At::Published).await.unwrap().is_some();
        let has_child = store.get(&child, At::Published).await.unwrap().is_some();
        assert_eq!((has_parent, has_child), (created.is_ok(), created.is_ok()));
    }
}

pub(crate) async fn an_object_created_again_has_another_creation(place: impl Harness) {
    let store = place.open().await;
    let first = put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    let row = store.get(&key("a"), At::Published).await.unwrap().unwrap();
    assert_eq!(row.created, first);
    delete(&store, "a").await;
    let again = put(&store, "a", "3").await;
    let row = store.get(&key("a"), At::Published).await.unwrap().unwrap();
    assert_eq!(row.created, again);
}

pub(crate) async fn deleting_nothing_changes_nothing(place: impl Harness) {
    let store = place.open().await;
    put(&store, "a", "1").await;
    delete(&store, "never").await;
    delete(&store, "a").await;
    delete(&store, "a").await;
    assert!(list(&store, &all(), 10, At::Published).await.is_empty());
}

pub(crate) async fn writing_the_same_value_again_is_a_change(place: impl Harness) {
    let store = place.open().await;
    let first = put(&store, "a", "1").await;
    let second = put(&store, "a", "1").await;
    assert!(second > first);
    let row = store.get(&key("a"), At::Published).await.unwrap().unwrap();
    assert_eq!((row.revision, row.created), (second, first));
}

pub(crate) async fn a_commit_without_writes_checks_and_answers_the_latest_revision(
    place: impl Harness,
) {
    let store = place.open().await;
    let latest = put(&store, "a", "1").await;
    let held = store.commit(commit().require_present(&key("a"))).await.unwrap();
    assert_eq!(held.revision, latest);
    let result = store.commit(commit().require_absent(&key("a"))).await;
    assert_eq!(failed(result).2, Failed::KeyExists { revision: latest });
}

pub(crate) async fn revisions_rise_strictly(place: impl Harness) {
    let store = place.open().await;
    let mut last = Revision::ZERO;
    for number in 0..50 {
        let revision = put(&store, "a", &number.to_string()).await;
        assert!(revision > last);
        assert_eq!(store.published(), revision);
        last = revision;
    }
}
