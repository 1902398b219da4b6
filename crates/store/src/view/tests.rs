//! A view on an engine that is not the embedded one: sparse revisions, a connection that is cut, and calls that are counted.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::watch;

use super::*;
use crate::{
    engine::Lookup,
    health::StoreHealth,
    key::Prefix,
    log::{Change, LoggedCommit},
    revision::Epoch,
    stats::Counters,
    watch::{WatchFrom, WatchItem, WatchStream},
};

/// An engine with a history and nothing else: what it is told to say, it says.
#[derive(Default)]
struct Scripted {
    history: Mutex<Vec<Arc<LoggedCommit>>>,
    feed: Mutex<Option<Feed>>,
    counters: Counters,
    log_calls: AtomicUsize,
}

fn commit(revision: i64) -> Arc<LoggedCommit> {
    let key = Key::builder(1).i64(revision).finish();
    let changes = vec![Change { key, before: None, after: Some("x".into()) }];
    Arc::new(LoggedCommit { revision: Revision::new(revision), changes })
}

impl Scripted {
    /// Commits at these revisions, of which the view is told if it is connected, along with how far that covers.
    fn commits(&self, revisions: &[i64], through: i64) {
        let commits: Vec<_> = revisions.iter().copied().map(commit).collect();
        self.history.lock().unwrap().extend(commits.iter().cloned());
        if let Some(feed) = &*self.feed.lock().unwrap() {
            feed.push(&commits, Revision::new(through));
        }
    }

    fn log_calls(&self) -> usize {
        self.log_calls.load(Ordering::SeqCst)
    }
}

impl Engine for Scripted {
    fn epoch(&self) -> Epoch {
        Epoch::from_bytes([1; 16])
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn second(&self) -> Arc<dyn Engine> {
        Arc::new(Scripted::default())
    }

    fn pause(&self, _is_paused: bool) {}

    fn follow(&self, feed: Feed) {
        let commits = self.history.lock().unwrap();
        let last = commits.last().map_or(Revision::ZERO, |last| last.revision);
        feed.begin(Revision::ZERO, std::iter::empty(), last);
        *self.feed.lock().unwrap() = Some(feed);
    }

    fn health(&self) -> watch::Receiver<StoreHealth> {
        watch::channel(StoreHealth::Serving).1
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Is the highest revision that anybody has seen, though no commit here made it.
    fn commit(
        &self,
        transaction: Transaction,
    ) -> BoxFuture<'_, Result<Revision, TransactionError>> {
        assert!(transaction.writes.is_empty(), "it is only asked how far it is");
        async { Ok(Revision::new(1_000_000)) }.boxed()
    }

    fn get<'a>(&'a self, _key: &'a Key, at: ReadAt) -> BoxFuture<'a, Result<Lookup, ReadError>> {
        let ReadAt::Revision(revision) = at else { panic!("nobody asks for the latest") };
        async move { Ok(Lookup { row: None, revision }) }.boxed()
    }

    fn scan(&self, _range: ScanRange, at: ReadAt) -> BoxFuture<'_, Result<ScanPage, ReadError>> {
        let ReadAt::Revision(revision) = at else { panic!("nobody asks for the latest") };
        async move { Ok(ScanPage { rows: vec![], revision, more: false }) }.boxed()
    }

    fn log(&self, after: Revision, until: Revision) -> BoxFuture<'_, Result<LogPage, ReadError>> {
        self.log_calls.fetch_add(1, Ordering::SeqCst);
        let history = self.history.lock().unwrap();
        let is_asked =
            |commit: &&Arc<LoggedCommit>| commit.revision > after && commit.revision <= until;
        let commits = history.iter().filter(is_asked).cloned().collect();
        async move { Ok(LogPage { commits, through: until }) }.boxed()
    }

    fn compact(&self, to: Revision) -> BoxFuture<'_, Result<Revision, TransactionError>> {
        async move { Ok(to) }.boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

fn a_view() -> (Arc<Scripted>, Arc<View>) {
    let engine = Arc::new(Scripted::default());
    let view = View::of(Arc::clone(&engine) as Arc<dyn Engine>, 100);
    (engine, Arc::new(view))
}

fn watch_after(view: &Arc<View>, after: i64) -> WatchStream {
    let from = WatchFrom::After(Revision::new(after));
    WatchStream::begin(
        Arc::clone(view),
        vec![Prefix::everything()],
        from,
        Duration::from_secs(3600),
    )
}

/// The revisions of the next commits that a watch shows.
async fn shown(watch: &mut WatchStream, count: usize) -> Vec<i64> {
    let commits = watch.take(count).map(|item| match item {
        Ok(WatchItem::Commit { revision, .. }) => revision.get(),
        other => panic!("only commits come, got {other:?}"),
    });
    commits.collect().await
}

#[tokio::test]
async fn a_thousand_watchers_that_keep_up_ask_the_engine_nothing() {
    let (engine, view) = a_view();
    let mut watches: Vec<_> = (0..1_000).map(|_| watch_after(&view, 0)).collect();
    let mut last = 0;
    for _ in 0..3 {
        let revisions = [last + 7, last + 900, last + 1_000];
        last += 1_000;
        engine.commits(&revisions, last);
        let all: Vec<_> = stream::iter(&mut watches).then(|watch| shown(watch, 3)).collect().await;
        assert!(all.iter().all(|shown| *shown == revisions));
    }
    assert_eq!(engine.log_calls(), 0);
    assert_eq!(view.oldest_kept(), Revision::ZERO);
}

#[tokio::test]
async fn after_a_gap_a_watcher_asks_once_and_reads_from_memory_again() {
    let (engine, view) = a_view();
    engine.commits(&[10, 20], 25);
    let mut watch = watch_after(&view, 0);
    assert_eq!(shown(&mut watch, 2).await, [10, 20]);
    let feed = engine.feed.lock().unwrap().take();
    engine.commits(&[30, 40], 45);
    assert_eq!(*view.heard().borrow(), Revision::new(25));
    // Connected again, where it is now.
    feed.as_ref().unwrap().skip_to(Revision::new(45));
    *engine.feed.lock().unwrap() = feed;
    assert_eq!(shown(&mut watch, 2).await, [30, 40]);
    assert_eq!(engine.log_calls(), 1);
    engine.commits(&[50], 50);
    assert_eq!(shown(&mut watch, 1).await, [50]);
    assert_eq!(engine.log_calls(), 1);
}

#[tokio::test]
async fn what_others_use_of_the_revisions_is_no_gap_and_no_commit() {
    let (engine, view) = a_view();
    let mut watch = watch_after(&view, 0);
    engine.commits(&[], 500_000);
    assert_eq!(*view.heard().borrow(), Revision::new(500_000));
    engine.commits(&[500_010], 500_010);
    assert_eq!(shown(&mut watch, 1).await, [500_010]);
    assert_eq!(engine.log_calls(), 0);
    // Far more revisions than commits are kept, and but one commit.
    assert_eq!(view.counted().load(Ordering::SeqCst), 1);
    assert_eq!(view.oldest_kept(), Revision::ZERO);
}

#[tokio::test]
async fn an_answer_that_is_ahead_of_the_watch_moves_what_is_readable_and_nothing_takes_it_back() {
    let (engine, view) = a_view();
    let answered = view.commit(Transaction::default()).await.unwrap();
    engine.commits(&[10], 10);
    assert_eq!((view.readable(), *view.heard().borrow()), (answered, Revision::new(10)));
    let feed = engine.feed.lock().unwrap().take().unwrap();
    let mut watch = watch_after(&view, 7);
    feed.skip_to(Revision::new(5));
    feed.push(&[commit(10)], Revision::new(10));
    assert_eq!((view.readable(), *view.heard().borrow()), (answered, Revision::new(10)));
    feed.push(&[commit(10), commit(11)], Revision::new(11));
    assert_eq!(shown(&mut watch, 2).await, [10, 11]);
    drop(feed);
    assert!(view.heard().has_changed().is_err(), "nothing will come any more");
}
