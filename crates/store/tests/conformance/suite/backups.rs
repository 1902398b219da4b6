//! Backup, verification and restore.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::TryStreamExt as _;
use store::{At, BackupError, Commit, MAX_VALUE_BYTES, Prefix, Store};

use crate::harness::{Harness, all, commit, delete, key, list, put, text, texts};

struct Shelf {
    dir: tempfile::TempDir,
}

impl Shelf {
    fn new() -> Shelf {
        Shelf { dir: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("backup")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

async fn fill(store: &Store, count: usize) {
    for start in (0..count).step_by(100) {
        let hundred = (start..start + 100)
            .fold(commit(), |commit, n| commit.put(key(&format!("{n:05}")), n.to_string()));
        store.commit(hundred).await.unwrap();
    }
}

pub(crate) async fn a_restored_store_holds_what_was_backed_up<H: Harness>(place: H) {
    let store = place.open().await;
    fill(&store, 2500).await;
    delete(&store, "00007").await;
    store.commit(commit().put(key("large"), vec![b'x'; MAX_VALUE_BYTES])).await.unwrap();
    store.commit(commit().put(key("empty"), "")).await.unwrap();
    let shelf = Shelf::new();
    let summary = store.backup(shelf.file()).await.unwrap();
    assert_eq!(shelf.names(), ["backup"]);
    assert_eq!((summary.epoch, summary.revision), (store.epoch(), store.published()));
    assert_eq!(summary.rows, 2501);
    assert_eq!(summary.bytes, fs::metadata(shelf.file()).unwrap().len());
    assert_eq!(store::verify(shelf.file()).await.unwrap(), summary);
    put(&store, "later", "x").await;

    let other = H::new();
    other.restore(&shelf.file()).await.unwrap();
    let copy = other.open().await;
    let expected = texts(&list(&store, &all(), 1000, At::Revision(summary.revision)).await);
    assert_eq!(texts(&list(&copy, &all(), 1000, At::Published).await), expected);
    // It is a store like any other.
    put(&copy, "00007", "back").await;
    copy.close().await;
    assert_eq!(text(&other.open().await, "00007", At::Published).await.as_deref(), Some("back"));
}

pub(crate) async fn the_parts_of_a_backup_are_a_whole_backup(place: impl Harness) {
    let store = place.open().await;
    fill(&store, 2500).await;
    store.commit(commit().put(key("large"), vec![b'x'; MAX_VALUE_BYTES])).await.unwrap();
    let parts: Vec<_> = store.backup_parts().await.unwrap().try_collect().await.unwrap();
    assert!(parts.len() > 1, "{} part", parts.len());
    let shelf = Shelf::new();
    fs::write(shelf.file(), parts.concat()).unwrap();
    let summary = store::verify(shelf.file()).await.unwrap();
    assert_eq!((summary.epoch, summary.revision), (store.epoch(), store.published()));
    assert_eq!(summary.rows, 2501);
}

/// Two objects that always change together.
fn pair(number: u64) -> Commit {
    commit().put(key("0-first"), number.to_string()).put(key("9-last"), number.to_string())
}

pub(crate) async fn a_backup_under_load_shows_one_revision<H: Harness>(place: H) {
    let store = place.open().await;
    fill(&store, 3000).await;
    store.commit(pair(0)).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, is_over) = (store.clone(), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut number = 0;
            while !is_over.load(Ordering::SeqCst) {
                number += 1;
                store.commit(pair(number)).await.unwrap();
            }
            number
        })
    };
    let shelf = Shelf::new();
    let before = store.published();
    let summary = store.backup(shelf.file()).await.unwrap();
    is_over.store(true, Ordering::SeqCst);
    assert!(writer.await.unwrap() > 0);
    assert!(summary.revision >= before);
    let other = H::new();
    other.restore(&shelf.file()).await.unwrap();
    let copy = other.open().await;
    let first = text(&copy, "0-first", At::Published).await.unwrap();
    assert_eq!(text(&copy, "9-last", At::Published).await, Some(first.clone()));
    let at_backup = text(&store, "0-first", At::Revision(summary.revision)).await;
    assert_eq!(at_backup, Some(first));
}

pub(crate) async fn a_backup_is_not_disturbed_by_compaction(place: impl Harness) {
    let store = place.open().await;
    // Several pages, and more bytes than are written in the time of one commit.
    for start in (0..4000).step_by(100) {
        let hundred = (start..start + 100)
            .fold(commit(), |commit, n| commit.put(key(&format!("{n:05}")), vec![b'x'; 8192]));
        store.commit(hundred).await.unwrap();
    }
    let shelf = Shelf::new();
    let backup = {
        let (store, file) = (store.clone(), shelf.file());
        tokio::spawn(async move { store.backup(file).await })
    };
    while !backup.is_finished() {
        let revision = put(&store, "00000", "new").await;
        store.compact(revision).await.unwrap();
    }
    let summary = backup.await.unwrap().unwrap();
    assert_eq!(summary.rows, 4000);
    // The hold is gone with the backup.
    let revision = put(&store, "00000", "newer").await;
    store.compact(revision).await.unwrap();
    assert_eq!(store.oldest(), revision);
}

async fn assert_damaged<H: Harness>(file: &Path) {
    let verified = store::verify(file).await;
    assert!(matches!(verified, Err(BackupError::Damaged { .. })), "{verified:?}");
    let other = H::new();
    let restored = other.restore(file).await;
    assert!(matches!(restored, Err(BackupError::Damaged { .. })), "{restored:?}");
    let copy = other.open().await;
    assert!(list(&copy, &Prefix::everything(), 10, At::Published).await.is_empty());
}

pub(crate) async fn a_damaged_backup_is_refused_and_leaves_nothing_behind<H: Harness>(place: H) {
    let store = place.open().await;
    fill(&store, 100).await;
    let shelf = Shelf::new();
    store.backup(shelf.file()).await.unwrap();
    let good = fs::read(shelf.file()).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let cut = &good[..good.len() - 1];
    for damaged in [&flipped[..], cut, b"", b"something else entirely"] {
        fs::write(shelf.file(), damaged).unwrap();
        assert_damaged::<H>(&shelf.file()).await;
    }
}

pub(crate) async fn a_restore_never_overwrites<H: Harness>(place: H) {
    let store = place.open().await;
    let epoch = store.epoch();
    put(&store, "a", "1").await;
    let shelf = Shelf::new();
    store.backup(shelf.file()).await.unwrap();
    put(&store, "a", "2").await;
    store.close().await;
    let result = place.restore(&shelf.file()).await;
    assert!(matches!(result, Err(BackupError::NotEmpty { .. })), "{result:?}");
    let store = place.open().await;
    assert_eq!(store.epoch(), epoch);
    assert_eq!(text(&store, "a", At::Published).await.as_deref(), Some("2"));
}

pub(crate) async fn a_backup_that_cannot_be_written_leaves_nothing_behind(place: impl Harness) {
    let store = place.open().await;
    put(&store, "a", "1").await;
    let shelf = Shelf::new();
    let result = store.backup(shelf.dir.path().join("missing").join("backup")).await;
    assert!(matches!(result, Err(BackupError::Io { .. })), "{result:?}");
    // A directory stands where the file should go: it is written, and cannot be moved there.
    fs::create_dir_all(shelf.file().join("inside")).unwrap();
    let result = store.backup(shelf.file()).await;
    assert!(matches!(result, Err(BackupError::Io { .. })), "{result:?}");
    assert_eq!(shelf.names(), ["backup"]);
}
