//! How the suite gets stores of an engine, and small words that its tests share.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture};
use jiff::Timestamp;
use store::{
    At, BackupError, Commit, CommitError, EmbeddedConfig, Epoch, FIRST_FORMAT, Key, MonotonicClock,
    OpenError, Prefix, Reads, Retention, Revision, Row, ScanOptions, Store, StoreConfig,
    WatchError, WatchItem, WatchStream,
};

/// How a test wants its store kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) retention: Retention,
    pub(crate) idempotency_life: Duration,
    pub(crate) bookmark_period: Duration,
    /// The highest format that the program reads, and its version.
    pub(crate) reads: (u32, &'static str),
}

/// How often upkeep would run by itself: never within the time of a test.
pub(crate) const UPKEEP_PERIOD: Duration = Duration::from_secs(3600);

impl Default for Settings {
    /// Nothing happens by itself within the time of a test.
    fn default() -> Settings {
        Settings {
            retention: Retention { max_age: Duration::from_secs(3600), max_commits: u32::MAX },
            idempotency_life: Duration::from_secs(3600),
            bookmark_period: Duration::from_secs(3600),
            reads: (FIRST_FORMAT, "1.0.0"),
        }
    }
}

/// One place that holds one store of an engine, which can be opened, closed and opened again.
pub(crate) trait Harness: Send + Sync + 'static {
    /// A new, empty place.
    fn new() -> Self;

    /// Opens the store at this place, with these settings and the harness's clock.
    fn try_open_with(&self, settings: Settings) -> BoxFuture<'_, Result<Store, OpenError>>;

    /// As [`Harness::try_open_with`], of a store that opens.
    fn open_with(&self, settings: Settings) -> BoxFuture<'_, Store> {
        async move { self.try_open_with(settings).await.unwrap() }.boxed()
    }

    /// Restores a backup to this place, which must be empty.
    fn restore<'a>(&'a self, file: &'a Path) -> BoxFuture<'a, Result<Epoch, BackupError>>;

    /// The clock, which moves only when told to.
    fn clock(&self) -> &ManualTime;

    /// Opens another handle on the store that is open at this place, as a second replica would, with the same settings.
    fn open_second<'a>(&'a self, first: &'a Store) -> BoxFuture<'a, Store>;

    /// Opens the store with settings under which nothing happens by itself.
    fn open(&self) -> BoxFuture<'_, Store> {
        self.open_with(Settings::default())
    }
}

/// A clock that moves only when told to.
#[derive(Clone, Default)]
pub(crate) struct ManualTime(Arc<AtomicI64>);

impl ManualTime {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }

    /// The same clock, which leases go by.
    fn monotonic(&self) -> MonotonicClock {
        let clock = self.clone();
        MonotonicClock::call(move || Duration::from_secs(clock.0.load(Ordering::SeqCst) as u64))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// The embedded engine in a temporary directory.
pub(crate) struct Embedded {
    dir: tempfile::TempDir,
    clock: ManualTime,
}

impl Embedded {
    fn store_dir(&self) -> PathBuf {
        self.dir.path().join("store")
    }
}

impl Harness for Embedded {
    fn new() -> Embedded {
        Embedded { dir: tempfile::tempdir().unwrap(), clock: ManualTime::default() }
    }

    fn try_open_with(&self, settings: Settings) -> BoxFuture<'_, Result<Store, OpenError>> {
        let clock = self.clock.clone();
        let engine = EmbeddedConfig {
            // A sync here waits for whatever else the machine writes.
            commit_watchdog: Duration::from_secs(60),
            ..EmbeddedConfig::new(self.store_dir())
        };
        let (format, version) = settings.reads;
        let config = StoreConfig {
            reads: Reads { format, version: version.to_owned() },
            retention: settings.retention,
            idempotency_life: settings.idempotency_life,
            bookmark_period: settings.bookmark_period,
            upkeep_period: UPKEEP_PERIOD,
            monotonic: self.clock.monotonic(),
            ..StoreConfig::embedded(engine)
        };
        async move { Store::open(config, move || clock.now()).await }.boxed()
    }

    fn open_second<'a>(&'a self, first: &'a Store) -> BoxFuture<'a, Store> {
        async move { first.second_handle() }.boxed()
    }

    fn restore<'a>(&'a self, file: &'a Path) -> BoxFuture<'a, Result<Epoch, BackupError>> {
        async move { store::restore(file, self.store_dir()).await }.boxed()
    }

    fn clock(&self) -> &ManualTime {
        &self.clock
    }
}

/// The key `name` of the kind that most tests use.
pub(crate) fn key(name: &str) -> Key {
    Key::builder(1).text(name).finish()
}

/// All keys of that kind.
pub(crate) fn all() -> Prefix {
    Key::builder(1).prefix()
}

/// An empty commit at a fixed time.
pub(crate) fn commit() -> Commit {
    Commit::new(Timestamp::UNIX_EPOCH)
}

/// Writes one object without conditions.
pub(crate) async fn put(store: &Store, name: &str, value: &str) -> Revision {
    let value = Bytes::copy_from_slice(value.as_bytes());
    store.commit(commit().put(key(name), value)).await.unwrap().revision
}

/// Deletes one object without conditions.
pub(crate) async fn delete(store: &Store, name: &str) -> Revision {
    store.commit(commit().delete(key(name))).await.unwrap().revision
}

/// One object as text.
pub(crate) async fn text(store: &Store, name: &str, at: At) -> Option<String> {
    store.get(&key(name), at).await.unwrap().map(|row| text_of(&row.value))
}

pub(crate) fn text_of(value: &[u8]) -> String {
    String::from_utf8(value.to_vec()).unwrap()
}

/// The whole of a prefix at one revision, in pages of `size`.
pub(crate) async fn list(store: &Store, prefix: &Prefix, size: usize, at: At) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut at = at;
    loop {
        let after = rows.last().map(|row| row.key.clone());
        let page = store.scan(prefix, ScanOptions { after, limit: size, at }).await.unwrap();
        assert!(page.rows.len() <= size, "a page holds no more than asked");
        at = At::Revision(page.revision);
        rows.extend(page.rows);
        if !page.more {
            return rows;
        }
    }
}

/// Names and values of rows of the usual kind.
pub(crate) fn texts(rows: &[Row]) -> Vec<(String, String)> {
    let of_row = |row: &Row| (row.key.parts().text().unwrap(), text_of(&row.value));
    rows.iter().map(of_row).collect()
}

/// The failure of a commit whose precondition did not hold.
pub(crate) fn failed(result: Result<store::Committed, CommitError>) -> (usize, Key, store::Failed) {
    match result {
        Err(CommitError::Precondition { index, key, failed }) => (index, key, failed),
        other => panic!("expected a failed precondition, got {other:?}"),
    }
}

/// The next item of a watch, which must come.
pub(crate) async fn next(watch: &mut WatchStream) -> WatchItem {
    soon(watch.next()).await.unwrap().unwrap()
}

/// The error that ends a watch, which must come, and nothing after it.
pub(crate) async fn end_of(watch: &mut WatchStream) -> WatchError {
    loop {
        match soon(watch.next()).await.unwrap() {
            Ok(_) => {}
            Err(error) => {
                assert!(soon(watch.next()).await.is_none(), "nothing follows an error");
                return error;
            }
        }
    }
}

/// Something that must happen within a minute; otherwise it is taken for never.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("must happen")
}

/// Reads a watch from its start to the end of its snapshot.
pub(crate) async fn snapshot(watch: &mut WatchStream) -> (Vec<Row>, Revision) {
    let mut rows = Vec::new();
    loop {
        match next(watch).await {
            WatchItem::SnapshotRows(page) => rows.extend(page),
            WatchItem::SnapshotEnd(revision) => return (rows, revision),
            other => panic!("a snapshot holds only rows, got {other:?}"),
        }
    }
}
