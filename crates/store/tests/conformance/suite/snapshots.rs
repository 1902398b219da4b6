//! Reading at a revision, and lists in pages.

use std::collections::BTreeMap;

use store::{
    At, Key, MAX_KEY_BYTES, MAX_SCAN_BYTES, MAX_VALUE_BYTES, Prefix, ReadError, Revision, Row,
    ScanOptions, WatchFrom,
};

use crate::harness::{Harness, all, commit, delete, key, list, put, snapshot, text, texts};

pub(crate) async fn a_read_of_the_past_shows_the_past(place: impl Harness) {
    let store = place.open().await;
    let start = store.published();
    let one = put(&store, "a", "1").await;
    let two = put(&store, "a", "2").await;
    let gone = delete(&store, "a").await;
    let three = put(&store, "a", "3").await;
    let expected =
        [(start, None), (one, Some("1")), (two, Some("2")), (gone, None), (three, Some("3"))];
    for (revision, value) in expected {
        let at = At::Revision(revision);
        assert_eq!(text(&store, "a", at).await.as_deref(), value, "{revision}");
        let listed = texts(&list(&store, &all(), 10, at).await);
        assert_eq!(listed.first().map(|(_, value)| value.as_str()), value, "{revision}");
    }
}

pub(crate) async fn a_revision_that_is_not_published_is_refused(place: impl Harness) {
    let store = place.open().await;
    let published = put(&store, "a", "1").await;
    let future = At::Revision(Revision::new(published.get() + 1));
    let expected = ReadError::Future { published };
    assert_eq!(store.get(&key("a"), future).await, Err(expected.clone()));
    let options = ScanOptions { at: future, ..ScanOptions::default() };
    assert_eq!(store.scan(&all(), options).await, Err(expected));
}

pub(crate) async fn pages_of_one_list_show_one_revision_while_commits_go_on(place: impl Harness) {
    let store = place.open().await;
    for number in 0..50 {
        put(&store, &format!("{number:03}"), "old").await;
    }
    let revision = store.published();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let options = ScanOptions { after, limit: 7, at: At::Revision(revision) };
        let page = store.scan(&all(), options).await.unwrap();
        assert_eq!(page.revision, revision);
        after = page.rows.last().map(|row| row.key.clone());
        seen.extend(texts(&page.rows));
        if !page.more {
            break;
        }
        // Behind, at and before the place of the list.
        put(&store, "999", "new").await;
        put(&store, &format!("{:03}", seen.len()), "new").await;
        delete(&store, &format!("{:03}", seen.len() + 1)).await;
        put(&store, "0000", "new").await;
    }
    let expected: Vec<_> = (0..50).map(|n| (format!("{n:03}"), "old".to_owned())).collect();
    assert_eq!(seen, expected);
}

pub(crate) async fn every_page_size_shows_the_same_list(place: impl Harness) {
    let store = place.open().await;
    for number in 0..40 {
        let name = format!("{number:02}");
        for version in 0..(number % 7) {
            put(&store, &name, &version.to_string()).await;
        }
        if number % 5 == 0 {
            put(&store, &name, "x").await;
            delete(&store, &name).await;
        }
    }
    let whole = list(&store, &all(), 1000, At::Published).await;
    let alive = (0..40).filter(|number| number % 5 != 0 && number % 7 != 0).count();
    assert_eq!(whole.len(), alive);
    for size in [1, 2, 3, 5, 8, 39, 40, 41] {
        assert_eq!(list(&store, &all(), size, At::Published).await, whole, "{size}");
    }
}

pub(crate) async fn a_prefix_shows_its_keys_and_no_others(place: impl Harness) {
    let store = place.open().await;
    let names = ["", "\0", "a", "a\0", "a\0b", "aa", "ab", "b", "\u{10FFFF}"];
    for (tag, name) in [1, 2, 3].into_iter().flat_map(|tag| names.map(|name| (tag, name))) {
        let row = Key::builder(tag).text(name).text("tail").finish();
        store.commit(commit().put(row, name)).await.unwrap();
    }
    assert_eq!(list(&store, &Prefix::everything(), 5, At::Published).await.len(), 27);
    assert_eq!(list(&store, &Key::builder(2).prefix(), 4, At::Published).await.len(), 9);
    for name in names {
        let rows = list(&store, &Key::builder(2).text(name).prefix(), 4, At::Published).await;
        assert_eq!(texts(&rows), [(name.to_owned(), name.to_owned())]);
    }
    // A place behind the prefix, and a page of nothing.
    let behind = ScanOptions { after: Some(Key::builder(9).finish()), ..ScanOptions::default() };
    assert!(store.scan(&all(), behind).await.unwrap().rows.is_empty());
    let none = ScanOptions { limit: 0, ..ScanOptions::default() };
    let page = store.scan(&all(), none).await.unwrap();
    assert_eq!((page.rows.len(), page.more), (0, true));
}

pub(crate) async fn a_page_of_large_rows_ends_early_and_says_that_more_follow(place: impl Harness) {
    let store = place.open().await;
    for start in (0..80).step_by(8) {
        let eight = (start..start + 8).fold(commit(), |commit, n| {
            commit.put(key(&format!("{n:02}")), vec![b'x'; MAX_VALUE_BYTES])
        });
        store.commit(eight).await.unwrap();
    }
    put(&store, "99", "small").await;
    let first = store.scan(&all(), ScanOptions::default()).await.unwrap();
    let weight = |row: &Row| row.key.as_bytes().len() + row.value.len();
    let bytes: usize = first.rows.iter().map(weight).sum();
    assert!(first.more && bytes <= MAX_SCAN_BYTES, "{bytes} bytes, more: {}", first.more);
    assert!(bytes + MAX_VALUE_BYTES + MAX_KEY_BYTES > MAX_SCAN_BYTES, "{bytes} bytes of a page");
    let whole = list(&store, &all(), 1000, At::Published).await;
    assert_eq!(whole.len(), 81);
    let mut watch = store.watch(vec![all()], WatchFrom::Snapshot).await.unwrap();
    let (rows, _) = snapshot(&mut watch).await;
    assert!(rows == whole, "a snapshot of several pages is whole");
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

type Model = BTreeMap<String, String>;

pub(crate) async fn random_commits_agree_with_a_simple_model_at_every_revision(
    place: impl Harness,
) {
    for seed in 0..3 {
        let store = place.open().await;
        let mut dice = Dice(seed);
        let (mut now, mut history) = (Model::new(), BTreeMap::new());
        for (name, _) in texts(&list(&store, &all(), 1000, At::Published).await) {
            delete(&store, &name).await;
        }
        history.insert(store.published(), now.clone());
        for _ in 0..120 {
            let mut request = commit();
            for number in 0..=dice.roll(4) {
                // Different names within a commit, the same ones from commit to commit.
                let name = format!("{number}-{}", dice.roll(5));
                if dice.roll(3) == 0 {
                    request = request.delete(key(&name));
                    now.remove(&name);
                } else {
                    // Some values need more than one piece.
                    let value = dice.roll(1000).to_string().repeat(1 + dice.roll(4) as usize * 700);
                    request = request.put(key(&name), value.clone());
                    now.insert(name, value);
                }
            }
            let revision = store.commit(request).await.unwrap().revision;
            history.insert(revision, now.clone());
            if dice.roll(40) == 0 {
                let kept = history.keys().rev().nth(dice.roll(20) as usize).copied();
                let to = kept.unwrap_or(revision);
                store.compact(to).await.unwrap();
                history = history.split_off(&to);
            }
        }
        for (revision, model) in &history {
            let rows = list(&store, &all(), 6, At::Revision(*revision)).await;
            let expected: Vec<_> = model.clone().into_iter().collect();
            assert_eq!(texts(&rows), expected, "seed {seed}, revision {revision}");
        }
        store.close().await;
    }
}
