//! The disk: room, large values, and a commit that hangs or fails.

use std::{fs, path::Path, time::Duration};

use futures::future::join_all;
use store::{
    At, CommitError, EmbeddedConfig, Key, MAX_KEY_BYTES, MAX_VALUE_BYTES, Revision, StoreConfig,
    StoreHealth, WatchFrom, WatchItem,
};

use crate::{commit, key, open};

#[tokio::test]
async fn a_full_volume_refuses_commits_and_still_reads() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig::new(dir.path())).await.unwrap();
    store.commit(commit().put(key("a"), "1")).await.unwrap();
    store.close().await;
    let engine = EmbeddedConfig { reserve_bytes: u64::MAX, ..EmbeddedConfig::new(dir.path()) };
    let store = open(StoreConfig::embedded(engine)).await.unwrap();
    let published = store.published();
    let result = store.commit(commit().put(key("a"), "2")).await;
    assert!(
        matches!(&result, Err(CommitError::Unavailable(why)) if why.contains("make room")),
        "{result:?}"
    );
    assert!(matches!(*store.health().borrow(), StoreHealth::Full { .. }));
    assert_eq!(store.published(), published);
    let row = store.get(&key("a"), At::Published).await.unwrap().unwrap();
    assert_eq!(&row.value[..], b"1");
}

fn blobs(dir: &Path) -> usize {
    fs::read_dir(dir.join("sled").join("blobs")).map_or(0, Iterator::count)
}

/// Many large values in one leaf, and many long keys in one inner page, would become files of
/// their own, which the engine must avoid. Zero bytes make the longest keys when stored.
#[tokio::test]
async fn no_value_and_no_key_however_large_makes_a_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig::new(dir.path())).await.unwrap();
    for round in 0..3 {
        for number in 0..60 {
            let value = vec![round; MAX_VALUE_BYTES];
            let mut name = vec![0; MAX_KEY_BYTES];
            name[0] = 1;
            name[MAX_KEY_BYTES - 1] = number;
            store.commit(commit().put(Key::from_bytes(name), value)).await.unwrap();
        }
        let published = store.published();
        store.compact(published).await.unwrap();
    }
    assert_eq!(blobs(dir.path()), 0);
    store.close().await;
    assert_eq!(blobs(dir.path()), 0);
    open(StoreConfig::new(dir.path())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_commits_are_all_answered_with_revisions_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig::new(dir.path())).await.unwrap();
    let mut watch = store
        .watch(vec![store::Prefix::everything()], WatchFrom::After(Revision::ZERO))
        .await
        .unwrap();
    let commits = (0..500).map(|number| {
        let store = store.clone();
        let request = commit().put(key(&number.to_string()), "x");
        tokio::spawn(async move { store.commit(request).await.unwrap().revision })
    });
    let mut revisions: Vec<_> = Vec::new();
    for commit in join_all(commits).await {
        revisions.push(commit.unwrap());
    }
    revisions.sort_unstable();
    revisions.dedup();
    assert_eq!(revisions.len(), 500);
    let stats = store.stats();
    assert_eq!((stats.commits, stats.conflicts), (500, 0));
    assert!(stats.syncs < 500, "some of those that waited share a sync");
    let mut seen = Vec::new();
    while seen.len() < 500 {
        match futures::StreamExt::next(&mut watch).await.unwrap().unwrap() {
            WatchItem::Commit { revision, .. } => seen.push(revision),
            other => panic!("only commits come, got {other:?}"),
        }
    }
    assert_eq!(seen, revisions);
}

/// Health is told when it changes, to those who wait for it.
#[tokio::test]
async fn health_can_be_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig::new(dir.path())).await.unwrap();
    let mut health = store.health();
    let waiting = tokio::spawn(async move {
        health.wait_for(|health| *health == StoreHealth::Closed).await.map(|_| ())
    });
    store.close().await;
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap().unwrap();
}
