//! Watches.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use store::{
    Change, Key, ReadError, Revision, Store, WatchError, WatchFrom, WatchItem, WatchStream,
};

use crate::harness::{
    Harness, Settings, all, commit, delete, end_of, key, next, put, snapshot, text_of, texts,
};

async fn watch(store: &Store, from: WatchFrom) -> WatchStream {
    store.watch(vec![all()], from).await.unwrap()
}

fn change(name: &str, before: Option<&'static str>, after: Option<&'static str>) -> Change {
    Change { key: key(name), before: before.map(Bytes::from), after: after.map(Bytes::from) }
}

pub(crate) async fn a_watch_shows_the_snapshot_its_end_and_then_each_commit_in_order(
    place: impl Harness,
) {
    let store = place.open().await;
    put(&store, "a", "1").await;
    put(&store, "gone", "x").await;
    let start = delete(&store, "gone").await;
    let mut watch = watch(&store, WatchFrom::Snapshot).await;
    let later = put(&store, "b", "2").await;
    let (rows, revision) = snapshot(&mut watch).await;
    assert_eq!(texts(&rows), [("a".to_owned(), "1".to_owned())]);
    assert_eq!((revision, watch.starts_at()), (start, start));
    let expected = vec![change("b", None, Some("2"))];
    assert_eq!(next(&mut watch).await, WatchItem::Commit { revision: later, changes: expected });
    let both = commit().put(key("c"), "3").delete(key("a"));
    let last = store.commit(both).await.unwrap().revision;
    let expected = vec![change("a", Some("1"), None), change("c", None, Some("3"))];
    assert_eq!(next(&mut watch).await, WatchItem::Commit { revision: last, changes: expected });
}

pub(crate) async fn a_watch_shows_only_its_prefixes_and_each_row_once(place: impl Harness) {
    let store = place.open().await;
    let row = |tag: u8, name: &str| Key::builder(tag).text(name).finish();
    for tag in [1, 2, 3] {
        store.commit(commit().put(row(tag, "old"), "x")).await.unwrap();
    }
    // The third lies within the first.
    let prefixes = vec![
        Key::builder(1).prefix(),
        Key::builder(3).prefix(),
        Key::builder(1).text("old").prefix(),
    ];
    let mut watch = store.watch(prefixes, WatchFrom::Snapshot).await.unwrap();
    let (rows, _) = snapshot(&mut watch).await;
    let keys: Vec<_> = rows.into_iter().map(|row| row.key).collect();
    assert_eq!(keys, [row(1, "old"), row(3, "old")]);

    store.commit(commit().put(row(2, "unwatched"), "x")).await.unwrap();
    let mixed = commit().put(row(2, "new"), "x").put(row(3, "new"), "x").put(row(1, "new"), "x");
    let revision = store.commit(mixed).await.unwrap().revision;
    let WatchItem::Commit { revision: at, changes } = next(&mut watch).await else {
        panic!("a commit comes next");
    };
    let keys: Vec<_> = changes.into_iter().map(|change| change.key).collect();
    assert_eq!((at, keys), (revision, vec![row(1, "new"), row(3, "new")]));
}

/// From memory and, because the store is opened again in between, from disk.
pub(crate) async fn changes_carry_the_values_before_and_after(place: impl Harness) {
    let store = place.open().await;
    let start = put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    delete(&store, "a").await;
    put(&store, "a", "3").await;
    let expected = [(Some("1"), Some("2")), (Some("2"), None), (None, Some("3"))];
    let check = async |store: &Store| {
        let mut watch = watch(store, WatchFrom::After(start)).await;
        for (before, after) in expected {
            let WatchItem::Commit { changes, .. } = next(&mut watch).await else {
                panic!("a commit comes next");
            };
            assert_eq!(changes, [change("a", before, after)]);
        }
    };
    check(&store).await;
    store.close().await;
    check(&place.open().await).await;
}

pub(crate) async fn a_large_snapshot_is_one_revision_while_commits_go_on(place: impl Harness) {
    let store = place.open().await;
    for start in (0..700).step_by(100) {
        let hundred = (start..start + 100)
            .fold(commit(), |commit, n| commit.put(key(&format!("{n:04}")), "old"));
        store.commit(hundred).await.unwrap();
    }
    let mut watch = watch(&store, WatchFrom::Snapshot).await;
    let WatchItem::SnapshotRows(first) = next(&mut watch).await else {
        panic!("rows come first");
    };
    put(&store, "0699", "new").await;
    delete(&store, "0698").await;
    let (rest, _) = snapshot(&mut watch).await;
    let values = texts(&[first, rest].concat());
    assert_eq!(values.len(), 700);
    assert!(values.iter().all(|(_, value)| value == "old"));
    let WatchItem::Commit { changes, .. } = next(&mut watch).await else {
        panic!("then what changed since");
    };
    assert_eq!(changes, [change("0699", Some("old"), Some("new"))]);
}

/// What a watch has shown so far, checked to be in order.
#[derive(Default)]
struct Shown {
    revisions: Vec<Revision>,
    state: BTreeMap<String, String>,
}

impl Shown {
    fn apply(&mut self, revision: Revision, changes: Vec<Change>) {
        assert!(self.revisions.last().is_none_or(|last| *last < revision), "in order, each once");
        self.revisions.push(revision);
        for Change { key, before, after } in changes {
            let name = key.parts().text().unwrap();
            let had = match after {
                Some(value) => self.state.insert(name, text_of(&value)),
                None => self.state.remove(&name),
            };
            assert_eq!(had, before.map(|value| text_of(&value)), "nothing was left out");
        }
    }
}

pub(crate) async fn a_resumed_watch_misses_nothing_and_repeats_nothing(place: impl Harness) {
    let store = place.open().await;
    let start = store.published();
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            let mut revisions = Vec::new();
            for number in 0..300 {
                let name = (number % 7).to_string();
                revisions.push(match number % 3 {
                    0 => store.commit(commit().delete(key(&name)).put(key("x"), "x")).await,
                    _ => store.commit(commit().put(key(&name), number.to_string())).await,
                });
            }
            revisions.into_iter().map(|done| done.unwrap().revision).collect::<Vec<_>>()
        })
    };
    let mut shown = Shown::default();
    while shown.revisions.len() < 300 {
        let from = shown.revisions.last().copied().unwrap_or(start);
        let mut watch = watch(&store, WatchFrom::After(from)).await;
        for _ in 0..(1 + shown.revisions.len() % 23).min(300 - shown.revisions.len()) {
            match next(&mut watch).await {
                WatchItem::Commit { revision, changes } => shown.apply(revision, changes),
                other => panic!("only commits come, got {other:?}"),
            }
        }
    }
    assert_eq!(shown.revisions, writer.await.unwrap());
}

pub(crate) async fn a_watch_that_does_not_read_slows_nobody_and_loses_nothing(place: impl Harness) {
    const COMMITS: usize = 3000;
    let store = place.open().await;
    let mut idle = watch(&store, WatchFrom::Snapshot).await;
    let (_, start) = snapshot(&mut idle).await;
    let writers = (0..50).map(|writer: usize| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0..COMMITS / 50 {
                put(&store, &writer.to_string(), &number.to_string()).await;
            }
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer.unwrap();
    }
    let mut shown = Shown::default();
    while shown.revisions.len() < COMMITS {
        match next(&mut idle).await {
            WatchItem::Commit { revision, changes } => shown.apply(revision, changes),
            other => panic!("only commits come, got {other:?}"),
        }
    }
    assert!(shown.revisions[0] > start);
    assert_eq!(shown.revisions.last(), Some(&store.published()));
    assert!(shown.state.values().all(|value| *value == (COMMITS / 50 - 1).to_string()));
}

fn chatty() -> Settings {
    Settings { bookmark_period: Duration::from_millis(5), ..Settings::default() }
}

/// The next bookmark at or after a revision, which must come with nothing else before it.
async fn bookmark_from(watch: &mut WatchStream, from: Revision) -> Revision {
    loop {
        match next(watch).await {
            WatchItem::Bookmark(revision) if revision >= from => return revision,
            WatchItem::Bookmark(_) => {}
            other => panic!("only bookmarks come, got {other:?}"),
        }
    }
}

pub(crate) async fn a_bookmark_passes_over_commits_that_are_not_watched(place: impl Harness) {
    let store = place.open_with(chatty()).await;
    let mut watched = watch(&store, WatchFrom::Snapshot).await;
    snapshot(&mut watched).await;
    let other = Key::builder(2).text("unwatched").finish();
    let mut last = Revision::ZERO;
    for _ in 0..5 {
        last = store.commit(commit().put(other.clone(), "x")).await.unwrap().revision;
    }
    let mark = bookmark_from(&mut watched, last).await;
    assert_eq!(mark, last);
    // After the bookmark's revision, history may go and the watch can still resume there.
    store.compact(mark).await.unwrap();
    let mut resumed = watch(&store, WatchFrom::After(mark)).await;
    let revision = put(&store, "a", "1").await;
    loop {
        match next(&mut resumed).await {
            WatchItem::Bookmark(at) => assert_eq!(at, mark),
            item => {
                let changes = vec![change("a", None, Some("1"))];
                assert_eq!(item, WatchItem::Commit { revision, changes });
                return;
            }
        }
    }
}

pub(crate) async fn silence_is_broken_by_bookmarks(place: impl Harness) {
    let store = place.open_with(chatty()).await;
    let revision = put(&store, "a", "1").await;
    let mut watch = watch(&store, WatchFrom::After(revision)).await;
    for _ in 0..3 {
        assert_eq!(next(&mut watch).await, WatchItem::Bookmark(revision));
    }
}

pub(crate) async fn a_watch_cannot_begin_in_compacted_history_or_in_the_future(
    place: impl Harness,
) {
    let store = place.open().await;
    let first = put(&store, "a", "1").await;
    let oldest = put(&store, "a", "2").await;
    let published = put(&store, "a", "3").await;
    store.compact(oldest).await.unwrap();
    let begin =
        async |revision| store.watch(vec![all()], WatchFrom::After(revision)).await.map(|_| ());
    assert_eq!(begin(first).await, Err(ReadError::Compacted { oldest }));
    assert_eq!(begin(oldest).await, Ok(()));
    assert_eq!(begin(published).await, Ok(()));
    let future = Revision::new(published.get() + 1);
    assert_eq!(begin(future).await, Err(ReadError::Future { published }));
}

pub(crate) async fn a_watch_overtaken_by_compaction_is_told_so_and_ends(place: impl Harness) {
    let store = place.open().await;
    let mut following = watch(&store, WatchFrom::Snapshot).await;
    snapshot(&mut following).await;
    let mut in_snapshot = watch(&store, WatchFrom::Snapshot).await;
    put(&store, "a", "1").await;
    let oldest = put(&store, "a", "2").await;
    store.compact(oldest).await.unwrap();
    assert_eq!(end_of(&mut following).await, WatchError::Compacted { oldest });
    assert_eq!(end_of(&mut in_snapshot).await, WatchError::Compacted { oldest });
}

pub(crate) async fn closing_the_store_ends_its_watches(place: impl Harness) {
    let store = place.open().await;
    let mut watch = watch(&store, WatchFrom::Snapshot).await;
    snapshot(&mut watch).await;
    store.close().await;
    assert_eq!(end_of(&mut watch).await, WatchError::Closed);
}
