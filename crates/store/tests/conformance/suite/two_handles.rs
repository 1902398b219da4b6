//! Two handles on one store, as two replicas have them.
//!
//! A handle whose watch is paused stands for a replica that hears late. What is committed through the other one is the
//! truth; what is asked here is how much of it the late one may miss, and that it never shows anything that is not true.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{future::join_all, poll};
use store::{
    At, BackupError, CommitError, Failed, HOLD_LIFE, IdempotencyKey, Key, Prefix, ReadError,
    Retention, Revision, ScanOptions, Store, StoreHealth, WatchError, WatchFrom, WatchItem,
    WatchStream,
};
use uuid::Uuid;

use crate::harness::{
    Harness, Settings, UPKEEP_PERIOD, all, commit, delete, end_of, failed, key, list, next, put,
    snapshot, soon, text, texts,
};

async fn two(place: &impl Harness) -> (Store, Store) {
    let first = place.open().await;
    let second = place.open_second(&first).await;
    (first, second)
}

/// Two handles, the second of which hears nothing until it is resumed.
async fn one_late(place: &impl Harness) -> (Store, Store) {
    let (first, late) = two(place).await;
    late.pause_watch();
    (first, late)
}

async fn watch(store: &Store, from: WatchFrom) -> WatchStream {
    store.watch(vec![all()], from).await.unwrap()
}

async fn heard(store: &Store, revision: Revision) {
    soon(store.heard().wait_for(|heard| *heard >= revision)).await.unwrap();
}

pub(crate) async fn what_one_handle_commits_the_other_hears_and_reads(place: impl Harness) {
    let (first, second) = two(&place).await;
    assert_eq!(first.epoch(), second.epoch());
    let (mut of_first, mut of_second) =
        (watch(&first, WatchFrom::Snapshot).await, watch(&second, WatchFrom::Snapshot).await);
    snapshot(&mut of_first).await;
    snapshot(&mut of_second).await;
    for (writer, reader) in [(&first, &second), (&second, &first)] {
        let revision = put(writer, "a", "x").await;
        heard(reader, revision).await;
        let row = reader.get(&key("a"), At::Published).await.unwrap().unwrap();
        assert_eq!(row.revision, revision);
        for watch in [&mut of_first, &mut of_second] {
            let item = next(watch).await;
            assert!(matches!(item, WatchItem::Commit { revision: at, .. } if at == revision));
        }
    }
}

pub(crate) async fn a_handle_reads_its_own_writes_however_late_its_watch_is(place: impl Harness) {
    let (first, late) = one_late(&place).await;
    let before = *late.heard().borrow();
    put(&first, "a", "of the first").await;
    let revision = put(&late, "b", "of the late one").await;
    assert_eq!((late.published(), *late.heard().borrow()), (revision, before));
    assert_eq!(text(&late, "b", At::Published).await.as_deref(), Some("of the late one"));
    // What was committed before it is there as well.
    assert_eq!(text(&late, "a", At::Published).await.as_deref(), Some("of the first"));
    let mut watch = watch(&late, WatchFrom::Snapshot).await;
    let (rows, at) = snapshot(&mut watch).await;
    assert_eq!((rows.len(), at), (2, revision));
}

pub(crate) async fn what_refused_a_commit_can_be_read_when_it_returns(place: impl Harness) {
    let (first, late) = one_late(&place).await;
    let old = put(&late, "changed", "old").await;
    let changed = put(&first, "changed", "new").await;
    let made = put(&first, "made", "x").await;
    let gone = put(&late, "gone", "x").await;
    delete(&first, "gone").await;
    let last = put(&first, "last", "x").await;
    let stale = late.published();
    assert!(stale < last, "the late one has not heard");

    let refused = late.commit(commit().require_present(&key("gone")).put(key("x"), "x")).await;
    assert_eq!(failed(refused).2, Failed::KeyMissing);
    assert!(late.published() > gone);
    assert_eq!(text(&late, "gone", At::Published).await, None);
    let refused = late.commit(commit().require_revision(&key("changed"), old)).await;
    assert_eq!(failed(refused).2, Failed::RevisionMismatch { current: changed });
    assert_eq!(text(&late, "changed", At::Published).await.as_deref(), Some("new"));
    let refused = late.commit(commit().require_absent(&key("made")).put(key("x"), "x")).await;
    assert_eq!(failed(refused).2, Failed::KeyExists { revision: made });
    let row = late.get(&key("made"), At::Published).await.unwrap().unwrap();
    assert_eq!(row.revision, made);
}

/// Adds one. After a refusal the row is another one than before.
async fn increment(store: &Store) {
    let mut seen = None;
    loop {
        let row = store.get(&key("count"), At::Published).await.unwrap().unwrap();
        assert!(seen < Some(row.revision), "the row that was refused is read again");
        seen = Some(row.revision);
        let count: u64 = std::str::from_utf8(&row.value).unwrap().parse().unwrap();
        let request = commit().require_revision(&row.key, row.revision);
        match store.commit(request.put(row.key, (count + 1).to_string())).await {
            Ok(_) => return,
            refused => {
                let Failed::RevisionMismatch { current } = failed(refused).2 else {
                    panic!("the row is there");
                };
                assert!(store.published() >= current);
            }
        }
    }
}

pub(crate) async fn no_increment_is_lost_between_two_handles_and_none_spins_on_an_old_row(
    place: impl Harness,
) {
    let (first, late) = one_late(&place).await;
    put(&first, "count", "0").await;
    // It has not heard of the row at all.
    late.get(&key("count"), At::Latest).await.unwrap();
    let callers = (0..8).map(|number| {
        let store = if number % 2 == 0 { first.clone() } else { late.clone() };
        tokio::spawn(async move {
            for _ in 0..25 {
                increment(&store).await;
            }
        })
    });
    for caller in join_all(callers).await {
        caller.unwrap();
    }
    assert_eq!(text(&first, "count", At::Latest).await.as_deref(), Some("200"));
    assert_eq!(text(&late, "count", At::Latest).await.as_deref(), Some("200"));
}

pub(crate) async fn the_latest_shows_what_another_handle_wrote_and_the_published_may_not(
    place: impl Harness,
) {
    let (first, late) = one_late(&place).await;
    let before = late.published();
    let revision = put(&first, "a", "1").await;
    assert_eq!(text(&late, "a", At::Published).await, None);
    assert_eq!(late.published(), before);
    assert_eq!(text(&late, "a", At::Latest).await.as_deref(), Some("1"));
    assert!(late.published() >= revision, "what was read is readable from then on");
    assert_eq!(text(&late, "a", At::Published).await.as_deref(), Some("1"));

    let second = put(&first, "b", "2").await;
    let options = |at| ScanOptions { at, ..ScanOptions::default() };
    let page = late.scan(&all(), options(At::Published)).await.unwrap();
    assert_eq!(page.rows.len(), 1);
    let page = late.scan(&all(), options(At::Latest)).await.unwrap();
    assert_eq!((page.rows.len(), page.revision >= second), (2, true));
    // A key that is nowhere: that, too, is asked of the engine.
    let third = put(&first, "c", "3").await;
    assert_eq!(text(&late, "nowhere", At::Latest).await, None);
    assert!(late.published() >= third);
    assert!(*late.heard().borrow() < revision, "the watch had no part in it");
}

pub(crate) async fn a_page_of_another_handle_is_read_on_here(place: impl Harness) {
    let (first, late) = one_late(&place).await;
    for number in 0..20 {
        put(&first, &format!("{number:02}"), "x").await;
    }
    let options = ScanOptions { limit: 7, ..ScanOptions::default() };
    let page = first.scan(&all(), options).await.unwrap();
    put(&first, "99", "too late").await;
    let after = page.rows.last().map(|row| row.key.clone());
    let at = At::Revision(page.revision);
    let rest =
        late.scan(&all(), ScanOptions { after, at, ..ScanOptions::default() }).await.unwrap();
    let names: Vec<_> =
        texts(&[page.rows, rest.rows].concat()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, (0..20).map(|number| format!("{number:02}")).collect::<Vec<_>>());
    assert_eq!(late.published(), page.revision);
}

/// Looks at the marks until told to stop, and says how often they moved.
async fn look(store: Store, is_over: Arc<AtomicBool>) -> usize {
    let mut moves = 0;
    let (mut published, mut heard) = (Revision::ZERO, Revision::ZERO);
    while !is_over.load(Ordering::SeqCst) {
        // In this order: heard is never beyond what is published after it.
        let now = (*store.heard().borrow(), store.published());
        assert!(now.0 >= heard && now.1 >= published, "{now:?} after {heard:?}, {published:?}");
        assert!(now.0 <= now.1, "{now:?}");
        moves += usize::from(now != (heard, published));
        (heard, published) = now;
        tokio::task::yield_now().await;
    }
    moves
}

pub(crate) async fn marks_never_go_back_and_nothing_is_heard_that_cannot_be_read(
    place: impl Harness,
) {
    let (first, late) = two(&place).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let lookers = [&first, &late].map(|store| {
        let looking = look(store.clone(), Arc::clone(&is_over));
        tokio::spawn(looking)
    });
    for round in 0..60 {
        if round % 2 == 0 {
            late.pause_watch()
        } else {
            late.resume_watch()
        }
        let name = (round % 5).to_string();
        futures::join!(put(&first, &name, "x"), put(&late, "own", "x"), async {
            late.get(&key(&name), At::Latest).await.unwrap();
            let refused = late.commit(commit().require_absent(&key("own"))).await;
            assert!(refused.is_err() || round == 0);
        });
    }
    late.resume_watch();
    heard(&late, first.published()).await;
    is_over.store(true, Ordering::SeqCst);
    for looker in lookers {
        assert!(looker.await.unwrap() > 1);
    }
    assert_eq!(first.published(), late.published());
}

/// The revisions of the next commits that a watch shows.
async fn shown(watch: &mut WatchStream, count: usize) -> Vec<Revision> {
    let mut revisions = Vec::new();
    while revisions.len() < count {
        match next(watch).await {
            WatchItem::Commit { revision, .. } => revisions.push(revision),
            other => panic!("only commits come, got {other:?}"),
        }
    }
    revisions
}

pub(crate) async fn watches_of_a_late_handle_miss_nothing_and_repeat_nothing(place: impl Harness) {
    let (first, late) = two(&place).await;
    let start = put(&first, "a", "0").await;
    heard(&late, start).await;
    let mut watches = Vec::new();
    for _ in 0..20 {
        watches.push(watch(&late, WatchFrom::After(start)).await);
    }
    let mut expected = Vec::new();
    for round in 0..3 {
        // More than one page of history, the late one's own commits among it.
        late.pause_watch();
        for number in 0..300 {
            let writer = if number % 50 == 0 { &late } else { &first };
            expected.push(put(writer, &(number % 7).to_string(), &round.to_string()).await);
        }
        for watch in &mut watches {
            assert!(poll!(futures::StreamExt::next(watch)).is_pending(), "it has not heard");
        }
        late.resume_watch();
        expected.push(put(&first, "b", &round.to_string()).await);
        for watch in &mut watches {
            assert_eq!(shown(watch, 301).await, expected[expected.len() - 301..]);
        }
    }
    assert!(expected.is_sorted());
}

pub(crate) async fn a_token_of_a_faster_handle_is_waited_for(place: impl Harness) {
    let (first, late) = one_late(&place).await;
    let token = put(&first, "a", "1").await;
    let mut begins = Box::pin(late.watch(vec![all()], WatchFrom::After(token)));
    let mut arrives = Box::pin(late.wait_published(token));
    assert!(poll!(&mut begins).is_pending() && poll!(&mut arrives).is_pending());
    late.resume_watch();
    arrives.await.unwrap();
    let mut watch = begins.await.unwrap();
    let revision = put(&first, "b", "2").await;
    assert_eq!(shown(&mut watch, 1).await, [revision], "and nothing of before the token");
}

pub(crate) async fn a_token_that_does_not_arrive_is_refused_and_can_be_tried_again(
    place: impl Harness,
) {
    let (first, late) = one_late(&place).await;
    let token = put(&first, "a", "1").await;
    let published = late.published();
    let begin = async || late.watch(vec![all()], WatchFrom::After(token)).await.map(|_| ());
    let (begun, arrived) = futures::join!(begin(), late.wait_published(token));
    assert_eq!(begun, Err(ReadError::Future { published }));
    assert_eq!(arrived, Err(ReadError::Future { published }));
    assert!(begun.unwrap_err().to_string().contains("try again"));
    late.resume_watch();
    assert_eq!(begin().await, Ok(()));
}

pub(crate) async fn a_handle_survives_that_another_one_compacts(place: impl Harness) {
    let (first, late) = two(&place).await;
    let old = put(&first, "a", "1").await;
    heard(&late, old).await;
    let mut behind = watch(&late, WatchFrom::After(old)).await;
    late.pause_watch();
    put(&first, "a", "2").await;
    let oldest = put(&first, "a", "3").await;
    first.compact(oldest).await.unwrap();
    assert_eq!(first.oldest(), oldest);

    // What it knows to be published is gone; it was asked for the latest that it has, and there is a later one.
    assert_eq!(text(&late, "a", At::Published).await.as_deref(), Some("3"));
    let refused = late.get(&key("a"), At::Revision(old)).await;
    assert_eq!(refused, Err(ReadError::Compacted { oldest }));
    assert_eq!(late.oldest(), oldest, "what was refused is known from then on");
    late.resume_watch();
    assert_eq!(end_of(&mut behind).await, WatchError::Compacted { oldest });
    let again = late.watch(vec![all()], WatchFrom::After(old)).await.map(|_| ());
    assert_eq!(again, Err(ReadError::Compacted { oldest }));
    let mut anew = watch(&late, WatchFrom::Snapshot).await;
    let (rows, at) = snapshot(&mut anew).await;
    assert_eq!((texts(&rows), at), (vec![("a".to_owned(), "3".to_owned())], oldest));
    let next = put(&first, "b", "4").await;
    assert_eq!(shown(&mut anew, 1).await, [next]);
}

fn id(request: u8) -> IdempotencyKey {
    IdempotencyKey {
        scope: "m".to_owned(),
        request_id: Uuid::from_u128(1),
        fingerprint: [request; 32],
    }
}

pub(crate) async fn a_request_is_remembered_whichever_handle_it_is_sent_to(place: impl Harness) {
    let (first, late) = one_late(&place).await;
    let create = || commit().require_absent(&key("a")).put(key("a"), "made");
    let done = first.commit(create().idempotent(id(1), "answer")).await.unwrap();
    assert_eq!(done.replay, None);
    assert_eq!(late.find_replay(&id(1)).await, Ok(None), "it has not heard of it");

    let again = late.commit(create().idempotent(id(1), "another answer")).await.unwrap();
    assert_eq!(again.replay.as_deref(), Some(&b"answer"[..]));
    assert_eq!(again.revision, done.revision);
    let other = late.commit(create().idempotent(id(2), "x")).await;
    assert_eq!(other, Err(CommitError::IdempotencyMismatch));
    let found = late.find_committed(&id(1)).await.unwrap().unwrap();
    assert_eq!((found.revision, found.replay.as_deref()), (done.revision, Some(&b"answer"[..])));
    assert_eq!(list(&first, &all(), 10, At::Latest).await.len(), 1);
    assert_eq!(first.published(), done.revision, "nothing was written a second time");
}

/// Keeps what is younger than a minute. By number nothing goes, for that would begin by itself.
fn a_minute() -> Settings {
    let retention = Retention { max_age: Duration::from_secs(60), max_commits: u32::MAX };
    Settings { retention, ..Settings::default() }
}

async fn put_many(store: &Store) -> Revision {
    let mut last = Revision::ZERO;
    for number in 0..40 {
        last = put(store, &(number % 3).to_string(), &number.to_string()).await;
    }
    last
}

/// Upkeep of a handle, which trims to this revision; or does not, if that is none.
async fn trims(store: &Store, to: Option<Revision>) {
    let before = store.oldest();
    store.upkeep().await.unwrap();
    assert_eq!(store.oldest(), to.unwrap_or(before));
}

pub(crate) async fn only_the_handle_that_leads_trims_and_another_goes_on_when_it_is_closed(
    place: impl Harness,
) {
    let first = place.open_with(a_minute()).await;
    let second = place.open_second(&first).await;
    let _third = place.open_second(&first).await;
    // It takes the lease.
    trims(&first, None).await;
    place.clock().advance(1);
    let old = put_many(&second).await;
    trims(&first, None).await;
    trims(&second, None).await;
    put_many(&second).await;
    place.clock().advance(60);
    trims(&second, None).await;
    assert_eq!(text(&second, "0", At::Revision(old)).await.as_deref(), Some("39"));
    trims(&first, Some(old)).await;

    // Closed, it leaves its work to whoever comes first.
    first.close().await;
    place.clock().advance(1);
    let later = put_many(&second).await;
    trims(&second, Some(old)).await;
    put_many(&second).await;
    place.clock().advance(60);
    trims(&second, Some(later)).await;
}

pub(crate) async fn a_handle_that_leads_and_is_silent_is_followed_after_a_life(
    place: impl Harness,
) {
    let first = place.open_with(a_minute()).await;
    let second = place.open_second(&first).await;
    trims(&first, None).await;
    let old = put_many(&first).await;
    trims(&second, None).await;
    put_many(&first).await;
    // From now on the first one is as good as dead.
    let life = 3 * UPKEEP_PERIOD.as_secs().cast_signed();
    place.clock().advance(life - 1);
    trims(&second, None).await;
    place.clock().advance(1);
    trims(&second, Some(old)).await;
    // It was only slow, and is told so.
    put_many(&first).await;
    trims(&first, None).await;
    place.clock().advance(60);
    trims(&first, None).await;
    second.upkeep().await.unwrap();
    assert!(second.oldest() > old);
}

/// How many commits can still be read one by one after a revision, of all keys.
async fn commits_after(store: &Store, after: Revision) -> usize {
    let until = store.published();
    let everything = vec![Prefix::everything()];
    let mut watch = store.watch(everything, WatchFrom::After(after)).await.unwrap();
    let mut count = 0;
    loop {
        count += 1;
        if shown(&mut watch, 1).await[0] == until {
            return count;
        }
    }
}

pub(crate) async fn the_commits_of_all_handles_are_counted_and_as_many_kept_as_asked(
    place: impl Harness,
) {
    let retention = Retention { max_age: Duration::from_secs(3600), max_commits: 10 };
    let first = place.open_with(Settings { retention, ..Settings::default() }).await;
    let second = place.open_second(&first).await;
    put_many(&first).await;
    let last = put_many(&second).await;
    heard(&first, last).await;
    // The first pass may have a lease to take, which is a commit as well; and passes go on by themselves.
    for _ in 0..2 {
        first.upkeep().await.unwrap();
        second.upkeep().await.unwrap();
    }
    let oldest = first.oldest().max(second.oldest());
    assert_eq!(commits_after(&second, oldest).await, 10);
}

pub(crate) async fn expired_requests_are_forgotten_by_the_handle_that_leads(place: impl Harness) {
    let settings = Settings { idempotency_life: Duration::from_secs(60), ..Settings::default() };
    let first = place.open_with(settings).await;
    let second = place.open_second(&first).await;
    first.upkeep().await.unwrap();
    second.commit(commit().put(key("a"), "x").idempotent(id(1), "answer")).await.unwrap();
    place.clock().advance(60);
    let records = Key::builder(0xF0).prefix();
    second.upkeep().await.unwrap();
    assert_eq!(list(&second, &records, 10, At::Latest).await.len(), 1);
    first.upkeep().await.unwrap();
    assert!(list(&second, &records, 10, At::Latest).await.is_empty());
}

/// The rows of holds, which only the store writes.
fn holds() -> Prefix {
    Key::builder(0xF3).prefix()
}

async fn fill(store: &Store, count: usize) {
    for start in (0..count).step_by(100) {
        let hundred = (start..start + 100)
            .fold(commit(), |commit, n| commit.put(key(&format!("{n:05}")), vec![b'x'; 4096]));
        store.commit(hundred).await.unwrap();
    }
}

pub(crate) async fn a_backup_of_one_handle_is_not_disturbed_by_the_others_compaction(
    place: impl Harness,
) {
    let (first, second) = two(&place).await;
    fill(&first, 4000).await;
    let dir = tempfile::tempdir().unwrap();
    let backup = {
        let (first, file) = (first.clone(), dir.path().join("backup"));
        tokio::spawn(async move { first.backup(file).await })
    };
    while !backup.is_finished() {
        let revision = put(&second, "00000", "new").await;
        second.compact(revision).await.unwrap();
    }
    assert_eq!(backup.await.unwrap().unwrap().rows, 4000);
    // The hold is gone with the backup.
    let revision = put(&second, "00000", "newer").await;
    second.compact(revision).await.unwrap();
    assert_eq!(second.oldest(), revision);
}

pub(crate) async fn a_hold_that_is_not_renewed_ends_and_its_backup_begins_again(
    place: impl Harness,
) {
    let (first, second) = two(&place).await;
    fill(&first, 4000).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    let mut told = second.watch(vec![holds()], WatchFrom::Snapshot).await.unwrap();
    snapshot(&mut told).await;
    let mut backup = Box::pin(first.backup(&file));
    let held = tokio::select! {
        biased;
        held = shown(&mut told, 1) => held[0],
        done = &mut backup => panic!("it tells nobody what it reads: {done:?}"),
    };
    // The one who takes it stands still from here on.
    let later = put(&second, "00000", "new").await;
    for advance in [0, HOLD_LIFE.as_secs().cast_signed() - 1] {
        place.clock().advance(advance);
        second.compact(later).await.unwrap();
        assert!(second.oldest() <= held && second.oldest() < later);
    }
    place.clock().advance(1);
    second.compact(later).await.unwrap();
    assert_eq!(second.oldest(), later);
    assert!(list(&second, &holds(), 10, At::Latest).await.is_empty());

    let summary = backup.await.unwrap();
    assert_eq!((summary.rows, summary.revision >= later), (4000, true));
    assert_eq!(store::verify(&file).await.unwrap(), summary);
}

pub(crate) async fn what_a_handle_holds_is_given_back_with_its_backup(place: impl Harness) {
    let (first, second) = two(&place).await;
    put(&first, "a", "1").await;
    let dir = tempfile::tempdir().unwrap();
    second.pause_watch();
    let summary = second.backup(dir.path().join("backup")).await.unwrap();
    // A late handle backs up what is there, and not what it has heard of.
    assert_eq!(summary.rows, 1);
    assert!(list(&first, &holds(), 10, At::Latest).await.is_empty());
    let missing = first.backup(dir.path().join("missing").join("backup")).await;
    assert!(matches!(missing, Err(BackupError::Io { .. })), "{missing:?}");
    assert!(list(&first, &holds(), 10, At::Latest).await.is_empty());
}

pub(crate) async fn a_handle_that_is_closed_or_dropped_leaves_the_other_open(place: impl Harness) {
    let (first, second) = two(&place).await;
    put(&first, "a", "1").await;
    let (mut of_first, mut of_second) =
        (watch(&first, WatchFrom::Snapshot).await, watch(&second, WatchFrom::Snapshot).await);
    snapshot(&mut of_first).await;
    snapshot(&mut of_second).await;
    second.close().await;
    assert_eq!(end_of(&mut of_second).await, WatchError::Closed);
    assert_eq!(*second.health().borrow(), StoreHealth::Closed);
    let result = second.commit(commit().put(key("b"), "x")).await;
    assert_eq!(result, Err(CommitError::Closed));
    let result = second.get(&key("a"), At::Published).await;
    assert!(matches!(result, Err(ReadError::Unavailable(_))), "{result:?}");
    // Closing twice is harmless, also to the other one.
    second.close().await;
    drop(place.open_second(&first).await);

    assert_eq!(*first.health().borrow(), StoreHealth::Serving);
    let revision = put(&first, "b", "2").await;
    assert_eq!(shown(&mut of_first, 1).await, [revision]);
    first.close().await;
    let store = soon(place.open()).await;
    assert_eq!(text(&store, "b", At::Published).await.as_deref(), Some("2"));
}
