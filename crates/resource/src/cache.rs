//! What a service keeps in memory of its own rows, fed by the store's own watch.
//!
//! Owns: the order in which a cache is filled, kept up and filled again. Always holds: a cache stands at one revision, and at every
//! later one in turn, whichever handle on the store committed it; [`open`] returns when it was filled once.
//! Absent on purpose: what a cache is asked, and what stands for writes that were answered and not heard yet (each cache knows).

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use store::{
    Change, Prefix, ReadError, Revision, Row, Store, WatchError, WatchFrom, WatchItem, WatchStream,
};

use crate::Fault;

/// How long a cache waits after its store could not be read: 1 s, short beside what its readers allow for.
const PAUSE: Duration = Duration::from_secs(1);

/// What is kept in memory.
pub trait Cache: Send + Sync + 'static {
    /// The rows that it is made of.
    fn prefixes(&self) -> Vec<Prefix>;

    /// All rows as they stand at a revision, instead of what was there.
    fn replace(&self, rows: Vec<Row>, revision: Revision);

    /// What a commit changed among the rows.
    fn apply(&self, changes: &[Change], revision: Revision);
}

/// Keeps a cache up; see [`open`].
pub struct Feed<C> {
    store: Store,
    cache: Arc<C>,
    watch: WatchStream,
}

/// Fills a cache. [`Feed::run`] keeps it up from there on.
///
/// # Errors
/// The store could not be read.
pub async fn open<C: Cache>(store: &Store, cache: Arc<C>) -> Result<Feed<C>, Fault> {
    let watch = fill(store, &*cache).await.map_err(|error| match error {
        WatchError::Read(error) => Fault::Read(error),
        WatchError::Compacted { oldest } => Fault::Read(ReadError::Compacted { oldest }),
        WatchError::Closed => Fault::Read(ReadError::Unavailable(error.to_string())),
    })?;
    Ok(Feed { store: store.clone(), cache, watch })
}

async fn fill<C: Cache>(store: &Store, cache: &C) -> Result<WatchStream, WatchError> {
    let mut watch = store.watch(cache.prefixes(), WatchFrom::Snapshot).await?;
    let mut filling = Vec::new();
    loop {
        match watch.next().await {
            Some(Ok(WatchItem::SnapshotRows(mut rows))) => filling.append(&mut rows),
            Some(Ok(WatchItem::SnapshotEnd(revision))) => {
                cache.replace(filling, revision);
                return Ok(watch);
            }
            // Nothing else comes before the snapshot's end.
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error),
            None => return Err(WatchError::Closed),
        }
    }
}

impl<C: Cache> Feed<C> {
    /// Keeps the cache up until the store is closed.
    pub async fn run(mut self) {
        loop {
            match self.watch.next().await {
                Some(Ok(WatchItem::Commit { revision, changes })) => {
                    self.cache.apply(&changes, revision);
                }
                Some(Ok(WatchItem::Bookmark(revision))) => self.cache.apply(&[], revision),
                Some(Ok(WatchItem::SnapshotRows(_) | WatchItem::SnapshotEnd(_))) => {}
                Some(Err(WatchError::Closed)) | None => return,
                Some(Err(error)) => {
                    tracing::info!(%error, "a cache is filled anew");
                    let Some(watch) = again(&self.store, &*self.cache).await else { return };
                    self.watch = watch;
                }
            }
        }
    }
}

/// `None` when the store was closed.
async fn again<C: Cache>(store: &Store, cache: &C) -> Option<WatchStream> {
    loop {
        match fill(store, cache).await {
            Ok(watch) => return Some(watch),
            Err(WatchError::Closed) => return None,
            Err(error) => tracing::warn!(%error, "a cache cannot be filled; it is tried again"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl<C> std::fmt::Debug for Feed<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use jiff::Timestamp;
    use store::{Commit, Key, StoreConfig};
    use tokio::sync::watch;

    use super::*;

    /// A copy of the rows, and the revision that it stands at.
    #[derive(Default)]
    struct Copied(watch::Sender<(BTreeMap<Key, Bytes>, Revision)>);

    fn prefix() -> Prefix {
        Key::builder(1).prefix()
    }

    fn key(name: &str) -> Key {
        Key::builder(1).text(name).finish()
    }

    impl Cache for Copied {
        fn prefixes(&self) -> Vec<Prefix> {
            vec![prefix()]
        }

        fn replace(&self, rows: Vec<Row>, revision: Revision) {
            let rows = rows.into_iter().map(|row| (row.key, row.value)).collect();
            self.0.send_replace((rows, revision));
        }

        fn apply(&self, changes: &[Change], revision: Revision) {
            self.0.send_modify(|(rows, at)| {
                for change in changes {
                    match &change.after {
                        Some(value) => rows.insert(change.key.clone(), value.clone()),
                        None => rows.remove(&change.key),
                    };
                }
                *at = revision;
            });
        }
    }

    impl Copied {
        async fn names_at(&self, revision: Revision) -> Vec<Key> {
            let mut told = self.0.subscribe();
            let stands = told.wait_for(|(_, at)| *at >= revision).await.unwrap();
            stands.0.keys().cloned().collect()
        }
    }

    async fn write(store: &Store, change: impl FnOnce(Commit) -> Commit) -> Revision {
        store.commit(change(Commit::new(Timestamp::UNIX_EPOCH))).await.unwrap().revision
    }

    async fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::new(dir.path()), || Timestamp::UNIX_EPOCH).await;
        (dir, store.unwrap())
    }

    #[tokio::test]
    async fn a_cache_is_filled_when_it_is_opened_and_hears_of_what_other_handles_write() {
        let (_dir, store) = store().await;
        let first = write(&store, |commit| commit.put(key("a"), "1")).await;
        let other = store.second_handle();
        let copied = Arc::new(Copied::default());
        let feed = open(&store, Arc::clone(&copied)).await.unwrap();
        assert_eq!(copied.0.borrow().1, first);
        let running = tokio::spawn(feed.run());
        let second = write(&other, |commit| commit.put(key("b"), "1").delete(key("a"))).await;
        assert_eq!(copied.names_at(second).await, [key("b")]);
        store.close().await;
        running.await.unwrap();
    }

    #[tokio::test]
    async fn a_cache_that_was_overtaken_is_filled_anew() {
        let (_dir, store) = store().await;
        write(&store, |commit| commit.put(key("a"), "1")).await;
        let copied = Arc::new(Copied::default());
        let feed = open(&store, Arc::clone(&copied)).await.unwrap();
        write(&store, |commit| commit.delete(key("a"))).await;
        let last = write(&store, |commit| commit.put(key("b"), "1")).await;
        store.compact(last).await.unwrap();
        let running = tokio::spawn(feed.run());
        assert_eq!(copied.names_at(last).await, [key("b")], "a went while nobody listened");
        let next = write(&store, |commit| commit.put(key("c"), "1")).await;
        assert_eq!(copied.names_at(next).await, [key("b"), key("c")]);
        store.close().await;
        running.await.unwrap();
    }
}
