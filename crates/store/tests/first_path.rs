//! The shortest way through the store, on a real directory.

use futures::StreamExt;
use jiff::Timestamp;
use store::{At, Commit, Key, ScanOptions, Store, StoreConfig, WatchFrom, WatchItem};

#[tokio::test]
async fn what_is_committed_is_read_listed_watched_and_still_there_after_reopening() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = || Store::open(StoreConfig::new(dir.path()), || Timestamp::UNIX_EPOCH);
    let store = open().await.expect("opens");
    let prefix = Key::builder(1).prefix();
    let mut watch = store.watch(vec![prefix.clone()], WatchFrom::Snapshot).await.expect("watches");
    assert_eq!(watch.next().await, Some(Ok(WatchItem::SnapshotEnd(store.published()))));

    let key = Key::builder(1).text("a").finish();
    let commit = Commit::new(Timestamp::UNIX_EPOCH).require_absent(&key).put(key.clone(), "one");
    let revision = store.commit(commit).await.expect("commits").revision;
    let row = store.get(&key, At::Published).await.expect("reads").expect("is there");
    assert_eq!((&row.value[..], row.revision), (&b"one"[..], revision));
    let page = store.scan(&prefix, ScanOptions::default()).await.expect("lists");
    assert_eq!(page.rows, std::slice::from_ref(&row));
    let item = watch.next().await;
    assert!(matches!(item, Some(Ok(WatchItem::Commit { revision: at, .. })) if at == revision));

    let epoch = store.epoch();
    store.close().await;
    let store = open().await.expect("opens again");
    assert_eq!((store.epoch(), store.published()), (epoch, revision));
    assert_eq!(store.get(&key, At::Published).await, Ok(Some(row)));
}
