//! Forgetting history.

use std::time::Duration;

use store::{At, ReadError, Retention, Revision, ScanOptions};

use crate::harness::{Harness, Settings, all, commit, delete, key, list, put, text, texts};

pub(crate) async fn what_is_kept_reads_as_before_and_what_is_not_is_refused(place: impl Harness) {
    let store = place.open().await;
    put(&store, "gone", "x").await;
    put(&store, "a", "1").await;
    delete(&store, "gone").await;
    let before = put(&store, "a", "2").await;
    let oldest = put(&store, "b", "3").await;
    let after = put(&store, "a", "4").await;
    store.compact(oldest).await.unwrap();
    assert_eq!(store.oldest(), oldest);

    let refused = Err(ReadError::Compacted { oldest });
    assert_eq!(store.get(&key("a"), At::Revision(before)).await, refused);
    let options = ScanOptions { at: At::Revision(before), ..ScanOptions::default() };
    assert!(matches!(store.scan(&all(), options).await, Err(ReadError::Compacted { .. })));
    let pairs = |rows: &[(&str, &str)]| -> Vec<(String, String)> {
        rows.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let at_oldest = texts(&list(&store, &all(), 10, At::Revision(oldest)).await);
    assert_eq!(at_oldest, pairs(&[("a", "2"), ("b", "3")]));
    let at_after = texts(&list(&store, &all(), 10, At::Revision(after)).await);
    assert_eq!(at_after, pairs(&[("a", "4"), ("b", "3")]));
}

pub(crate) async fn compaction_is_remembered_when_the_store_is_opened_again(place: impl Harness) {
    let store = place.open().await;
    let first = put(&store, "a", "1").await;
    let oldest = put(&store, "a", "2").await;
    store.compact(oldest).await.unwrap();
    store.close().await;
    let store = place.open().await;
    assert_eq!((store.oldest(), store.published()), (oldest, oldest));
    let refused = Err(ReadError::Compacted { oldest });
    assert_eq!(store.get(&key("a"), At::Revision(first)).await, refused);
    assert_eq!(text(&store, "a", At::Published).await.as_deref(), Some("2"));
    assert!(put(&store, "a", "3").await > oldest);
}

pub(crate) async fn compaction_never_goes_beyond_what_is_published(place: impl Harness) {
    let store = place.open().await;
    let published = put(&store, "a", "1").await;
    store.compact(Revision::new(published.get() + 1000)).await.unwrap();
    assert_eq!(store.oldest(), published);
    assert_eq!(text(&store, "a", At::Published).await.as_deref(), Some("1"));
    store.compact(Revision::ZERO).await.unwrap();
    assert_eq!(store.oldest(), published);
}

pub(crate) async fn upkeep_keeps_no_more_commits_than_asked(place: impl Harness) {
    let retention = Retention { max_age: Duration::from_secs(3600), max_commits: 10 };
    let store = place.open_with(Settings { retention, ..Settings::default() }).await;
    for number in 0..50 {
        put(&store, &(number % 3).to_string(), &number.to_string()).await;
    }
    store.upkeep().await.unwrap();
    let kept = Revision::new(store.published().get() - 10);
    assert_eq!(store.oldest(), kept);
    assert_eq!(text(&store, "0", At::Published).await.as_deref(), Some("48"));
}

pub(crate) async fn upkeep_forgets_what_is_too_old(place: impl Harness) {
    let retention = Retention { max_age: Duration::from_secs(60), max_commits: 1000 };
    let store = place.open_with(Settings { retention, ..Settings::default() }).await;
    let old = put(&store, "a", "1").await;
    store.upkeep().await.unwrap();
    place.clock().advance(30);
    put(&store, "a", "2").await;
    store.upkeep().await.unwrap();
    assert_eq!(text(&store, "a", At::Revision(old)).await.as_deref(), Some("1"));
    assert!(store.oldest() < old, "nothing is 60 s old yet");
    place.clock().advance(30);
    store.upkeep().await.unwrap();
    assert_eq!(store.oldest(), old);
    place.clock().advance(30);
    store.upkeep().await.unwrap();
    assert!(store.oldest() > old);
}

pub(crate) async fn readers_during_compaction_see_all_or_are_refused(place: impl Harness) {
    let store = place.open().await;
    let ten = |value: &str| {
        (0..10).fold(commit(), |commit, n| commit.put(key(&n.to_string()), value.to_owned()))
    };
    store.commit(ten("0")).await.unwrap();
    let compactor = {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 1..200 {
                let done = store.commit(ten(&number.to_string())).await.unwrap();
                store.compact(done.revision).await.unwrap();
            }
        })
    };
    while !compactor.is_finished() {
        let at = store.published();
        tokio::task::yield_now().await;
        let options = ScanOptions { at: At::Revision(at), ..ScanOptions::default() };
        match store.scan(&all(), options).await {
            Ok(page) => {
                assert_eq!(page.rows.len(), 10);
                assert!(page.rows.iter().all(|row| row.value == page.rows[0].value));
                assert!(page.rows.iter().all(|row| row.revision <= at));
            }
            Err(ReadError::Compacted { oldest }) => assert!(oldest > at),
            Err(other) => panic!("{other}"),
        }
    }
    compactor.await.unwrap();
}
