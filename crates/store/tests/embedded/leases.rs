//! Leases of a process that has its store to itself.

use std::time::Duration;

use store::StoreConfig;

use crate::{commit, key, open};

#[tokio::test]
async fn upkeep_backups_and_closing_of_a_handle_that_is_alone_write_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig::new(dir.path())).await.unwrap();
    let revision = store.commit(commit().put(key("a"), "1")).await.unwrap().revision;
    store.upkeep().await.unwrap();
    let summary = store.backup(dir.path().join("backup")).await.unwrap();
    assert_eq!((summary.revision, summary.rows), (revision, 1));
    store.compact(revision).await.unwrap();
    store.close().await;
    let store = open(StoreConfig::new(dir.path())).await.unwrap();
    assert_eq!(store.published(), revision);
}

#[tokio::test]
async fn a_handle_that_is_alone_leads_and_writes_nothing_until_another_one_is_lent() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(StoreConfig::new(dir.path())).await.unwrap();
    let mut lease = store.lease("work", Duration::from_secs(3600));
    assert!(lease.leads());
    for _ in 0..3 {
        assert_eq!(lease.tick().await, Ok(true));
    }
    assert_eq!(store.stats().commits, 0);

    let second = store.second_handle();
    assert!(!lease.leads(), "it has nothing to show for it");
    assert_eq!(lease.tick().await, Ok(true));
    assert_eq!(store.stats().commits, 1);
    let mut other = second.lease("work", Duration::from_secs(3600));
    assert_eq!(other.tick().await, Ok(false));

    store.close().await;
    assert_eq!(other.tick().await, Ok(true), "alone again, whatever stands in the row");
    assert_eq!(second.stats().commits, 1);
}
