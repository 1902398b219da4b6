//! Leases of a process that has its store to itself.

use std::time::Duration;

use store::StoreConfig;

use crate::open;

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
