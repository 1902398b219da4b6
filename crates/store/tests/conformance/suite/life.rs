//! Opening and closing.

use store::{At, CommitError, MAX_VALUE_BYTES, ReadError, StoreHealth};

use crate::harness::{Harness, all, commit, delete, key, list, put, soon, text};

pub(crate) async fn what_was_acknowledged_is_there_when_the_store_is_opened_again(
    place: impl Harness,
) {
    let store = place.open().await;
    let old = put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    delete(&store, "a").await;
    put(&store, "b", "3").await;
    store.commit(commit().put(key("large"), vec![b'x'; MAX_VALUE_BYTES])).await.unwrap();
    let rows = list(&store, &all(), 10, At::Published).await;
    let revision = store.published();
    store.close().await;

    let store = place.open().await;
    assert_eq!(store.published(), revision);
    assert_eq!(list(&store, &all(), 10, At::Published).await, rows);
    assert_eq!(text(&store, "a", At::Revision(old)).await.as_deref(), Some("1"));
    assert!(put(&store, "c", "4").await > revision);
}

pub(crate) async fn a_closed_store_refuses_and_says_so(place: impl Harness) {
    let store = place.open().await;
    put(&store, "a", "1").await;
    let mut health = store.health();
    assert_eq!(*health.borrow_and_update(), StoreHealth::Serving);
    store.close().await;
    assert_eq!(*health.borrow(), StoreHealth::Closed);
    let result = store.commit(commit().put(key("a"), "2")).await;
    assert_eq!(result, Err(CommitError::Closed));
    let result = store.get(&key("a"), At::Published).await;
    assert!(matches!(result, Err(ReadError::Unavailable(_))), "{result:?}");
    // Closing twice is harmless.
    store.close().await;
}

pub(crate) async fn a_store_that_is_dropped_can_be_opened_again(place: impl Harness) {
    for number in 0..3 {
        let store = soon(place.open()).await;
        let expected = (number > 0).then(|| (number - 1).to_string());
        assert_eq!(text(&store, "a", At::Published).await, expected);
        put(&store, "a", &number.to_string()).await;
    }
}
