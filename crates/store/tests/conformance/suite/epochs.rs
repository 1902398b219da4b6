//! Epochs.

use store::{At, Etag};

use crate::harness::{Harness, key, put};

pub(crate) async fn an_epoch_stays_when_a_store_is_opened_again(place: impl Harness) {
    let store = place.open().await;
    let epoch = store.epoch();
    store.close().await;
    assert_eq!(place.open().await.epoch(), epoch);
}

pub(crate) async fn two_stores_never_share_an_epoch<H: Harness>(place: H) {
    let other = H::new();
    assert_ne!(place.open().await.epoch(), other.open().await.epoch());
}

pub(crate) async fn a_restored_store_has_an_epoch_of_its_own<H: Harness>(place: H) {
    let store = place.open().await;
    put(&store, "a", "1").await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    store.backup(&file).await.unwrap();
    let (one, two) = (H::new(), H::new());
    let restored = one.restore(&file).await.unwrap();
    assert_ne!(restored, store.epoch());
    assert_ne!(two.restore(&file).await.unwrap(), restored);
    let copy = one.open().await;
    assert_eq!(copy.epoch(), restored);

    // The same object, perhaps at the same revision: its etag is still another.
    let row = store.get(&key("a"), At::Published).await.unwrap().unwrap();
    let copied = copy.get(&key("a"), At::Published).await.unwrap().unwrap();
    let etag = Etag::new(store.epoch(), row.revision);
    assert_ne!(etag, Etag::new(copy.epoch(), copied.revision));
}
