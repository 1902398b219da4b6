//! Watchers that live through the kills, and what must hold of what they saw.
//!
//! Owns: following a Watch from its last resume token, over any break, and comparing what came with the writes. Always holds: a
//! watcher begins with a snapshot once and never again; a commit counts when it is whole. Absent on purpose:
//! [`rpc::watch::Follower`], which would mend a stream that repeats or restarts; here that is what is looked for.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use proto::r#type::v1::WatchPhase;
use rand::{Rng as _, rngs::StdRng};
use rpc::watch::{Batch, Source};
use testkit::{eventually, within};
use tokio::task::AbortHandle;
use tonic::Code;

use super::{
    board::Shown,
    history::History,
    linearizable::Timed,
    object::{Action, Answer, Call, Tag, Version},
    storm::PATIENCE,
};

/// A watcher that is told to leave of its own accord does so after so many commits: some fifteen to thirty times in a storm, because
/// each return costs it a connection and a search for its place.
const LEAVES_AFTER: std::ops::Range<usize> = 1..500;

/// What belongs together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Commit<E> {
    pub(super) events: Vec<E>,
    pub(super) token: String,
}

/// What a watcher saw.
#[derive(Clone, Debug)]
pub(super) struct Log<E> {
    /// Where its snapshot ended; empty before.
    pub(super) start: String,
    pub(super) commits: Vec<Commit<E>>,
    /// How often it came back with a token.
    pub(super) resumed: usize,
}

/// A watcher at work, until it is dropped.
pub(super) struct Watcher<E> {
    log: Arc<Mutex<Log<E>>>,
    task: AbortHandle,
}

impl<E> Drop for Watcher<E> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<E: Clone + Debug + Send + 'static> Watcher<E> {
    /// Follows from a token, or from a snapshot when it is empty. With `leaves`, it also breaks off by itself now and then.
    pub(super) fn start<S>(source: S, token: &str, leaves: Option<StdRng>) -> Self
    where
        S: Source<Event = E> + Clone + Sync + 'static,
    {
        let start = token.to_owned();
        let log = Arc::new(Mutex::new(Log { start, commits: Vec::new(), resumed: 0 }));
        let task = tokio::spawn(follow(source, token.to_owned(), leaves, log.clone()));
        Self { log, task: task.abort_handle() }
    }

    /// Waits until the snapshot is through.
    pub(super) async fn begun(&self) {
        eventually("the snapshot ends", || async {
            let begun = !self.log.lock().unwrap().start.is_empty();
            begun.then_some(()).ok_or("not yet")
        })
        .await;
    }

    /// Waits for a commit in which `last` finds what it looks for; what was seen up to there.
    pub(super) async fn until(self, last: impl Fn(&E) -> bool) -> Log<E> {
        let is_last = |commit: &Commit<E>| commit.events.iter().any(&last);
        let passed = Cell::new(0);
        let ended = eventually("the watcher sees the last write", || async {
            // What ended it is told above.
            assert!(!self.task.is_finished(), "the watcher ended");
            let log = self.log.lock().unwrap();
            let fresh = &log.commits[passed.get()..];
            let ended = fresh.iter().position(is_last).map(|index| passed.get() + index);
            passed.set(log.commits.len());
            ended.ok_or_else(|| format!("{} commits", log.commits.len()))
        })
        .await;
        let mut log = self.log.lock().unwrap().clone();
        // Something may follow the last write: nobody waits for that.
        log.commits.truncate(ended + 1);
        log
    }
}

/// Two watchers who live through everything that happens.
pub(super) struct Witnesses<S: Source> {
    source: S,
    /// Comes back only when its stream broke.
    steady: Watcher<S::Event>,
    /// Leaves by itself too.
    leaving: Watcher<S::Event>,
}

impl<S> Witnesses<S>
where
    S: Source + Clone + Sync + 'static,
    S::Event: Clone + Debug + PartialEq + Send + 'static,
{
    /// Both are past their snapshots when this returns. Each source has a connection of its own.
    pub(super) async fn call(source: impl Fn() -> S) -> Self {
        let chance = trial::chance("kills: a watcher that leaves");
        let steady = Watcher::start(source(), "", None);
        let leaving = Watcher::start(source(), "", Some(chance));
        steady.begun().await;
        leaving.begun().await;
        Self { source: source(), steady, leaving }
    }

    /// What they saw up to an event, which must be the same, and the same as one is told who comes only now with the
    /// token of their beginning.
    pub(super) async fn testify(self, last: impl Fn(&S::Event) -> bool) -> Vec<Commit<S::Event>> {
        let seen = self.steady.until(&last).await;
        let again = self.leaving.until(&last).await;
        let late = Watcher::start(self.source, &seen.start, None).until(&last).await;
        let (breaks, more) = (seen.resumed, again.resumed);
        assert!(breaks >= super::ROUNDS, "a kill breaks every watch: {breaks}");
        assert!(more > breaks, "who leaves comes back more often: {more}");
        expect_same(&seen.commits, &again.commits, "two watchers saw different things");
        expect_same(&seen.commits, &late.commits, "what is told later is not what was told live");
        seen.commits
    }
}

/// Names the first difference: the whole is too long to read.
fn expect_same<E: Debug + PartialEq>(one: &[Commit<E>], other: &[Commit<E>], what: &str) {
    for (index, (one, other)) in one.iter().zip(other).enumerate() {
        assert_eq!(one, other, "{what}, first in commit {index}");
    }
    assert_eq!(one.len(), other.len(), "{what}");
}

async fn follow<S: Source + Clone + Sync>(
    source: S,
    mut token: String,
    mut leaves: Option<StdRng>,
    log: Arc<Mutex<Log<S::Event>>>,
) where
    S::Event: Clone,
{
    use futures::StreamExt as _;
    loop {
        let resumed = !token.is_empty();
        let open = || async {
            let opened = source.clone().open(token.clone()).await;
            opened.map_err(|status| expect_break(&status))
        };
        let mut stream = within(PATIENCE, "a watch can be opened again", open).await;
        log.lock().unwrap().resumed += usize::from(resumed);
        let mut stays = leaves.as_mut().map(|chance| chance.random_range(LEAVES_AFTER));
        let mut pending = Vec::new();
        while let Some(batch) = stream.next().await {
            let Batch { phase, events, end_of_commit, resume_token } = match batch {
                Ok(batch) => batch,
                Err(status) => {
                    expect_break(&status);
                    break;
                }
            };
            let mut log = log.lock().unwrap();
            match phase {
                WatchPhase::Snapshot => assert!(!resumed, "a snapshot after {token}"),
                WatchPhase::SnapshotEnd => {
                    assert!(!resumed, "a snapshot after {token}");
                    log.start.clone_from(&resume_token);
                    token = resume_token;
                }
                WatchPhase::Changes => {
                    pending.extend(events);
                    if end_of_commit {
                        let events = std::mem::take(&mut pending);
                        token.clone_from(&resume_token);
                        log.commits.push(Commit { events, token: resume_token });
                        stays = stays.map(|stays| stays.saturating_sub(1));
                    }
                }
                WatchPhase::Bookmark => {
                    assert!(pending.is_empty(), "a bookmark inside a commit");
                    token = resume_token;
                }
                WatchPhase::Unspecified => panic!("a response without a phase"),
            }
            if stays == Some(0) {
                break;
            }
        }
    }
}

/// A watch may break for the kill, and for nothing else.
fn expect_break(status: &tonic::Status) -> String {
    let broken = matches!(
        status.code(),
        Code::Unavailable
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal
            | Code::DeadlineExceeded
    );
    assert!(broken, "a watch ended: {status:?}");
    status.to_string()
}

/// What a commit did to one object.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) key: usize,
    /// It is the first that is seen of the object.
    pub(super) added: bool,
    pub(super) shown: Shown,
}

/// Compares what was seen of versions, in order, with the writes: each acknowledged one is there once, each that is there was
/// asked for, one that named a version follows that version, and none stands before another that began only after it had
/// been answered.
pub(super) fn expect_every_write_once(history: &History, sights: &[Sight]) {
    let mut last: BTreeMap<usize, Version> = BTreeMap::new();
    let mut seen: BTreeMap<(usize, Version), usize> = BTreeMap::new();
    let mut latest_sent = 0;
    let writes: BTreeMap<usize, Vec<Timed<Call>>> =
        history.keys().into_iter().map(|key| (key, history.of(key))).collect();
    for Sight { key, added, shown: Shown { version, .. } } in sights {
        let before = last.insert(*key, *version);
        assert_eq!(*added, before.is_none(), "{version:?} of object {key} after {before:?}");
        let twice = seen.insert((*key, *version), 0);
        assert!(twice.is_none(), "{version:?} of object {key} was seen twice");
        let calls = writes.get(key).map_or(&[][..], Vec::as_slice);
        let (sent, answered, expected) = written_by(calls, *version)
            .unwrap_or_else(|| panic!("{version:?} of object {key}: nobody wrote that"));
        if let Some(expected) = expected {
            assert_eq!(before, Some(expected), "{version:?} of object {key} follows another");
        }
        let in_order = answered.is_none_or(|answered| answered > latest_sent);
        assert!(in_order, "{version:?} of object {key} is seen after a write that followed it");
        latest_sent = latest_sent.max(sent);
    }
    for (key, calls) in &writes {
        for version in calls.iter().filter_map(acknowledged) {
            assert!(
                seen.contains_key(&(*key, version)),
                "no watcher saw {version:?} of object {key}"
            );
        }
    }
}

/// When the write of this version was sent and answered, and what it expected. Of a delete that several asked for: the
/// earliest sent and the latest answered, since nobody can tell whose it was.
fn written_by(
    calls: &[Timed<Call>],
    version: Version,
) -> Option<(u64, Option<u64>, Option<Version>)> {
    if version.deleted {
        let deletes =
            calls.iter().filter(|timed| matches!(timed.call.action, Action::Delete { .. }));
        return deletes.map(|timed| timed.sent).min().map(|sent| (sent, None, None));
    }
    let wrote = |tag: Tag| tag == version.tag;
    calls.iter().find_map(|timed| match timed.call.action {
        Action::Create { tag } if wrote(tag) => Some((timed.sent, timed.answered, None)),
        Action::Update { tag, expected } if wrote(tag) => {
            Some((timed.sent, timed.answered, expected))
        }
        _ => None,
    })
}

/// The version that an acknowledged write left.
fn acknowledged(timed: &Timed<Call>) -> Option<Version> {
    match (timed.call.action, timed.call.answer?) {
        (Action::Get | Action::Join, _) | (_, Answer::Refused(_) | Answer::Joined) => None,
        (_, Answer::Shows { version, .. }) => Some(version),
    }
}
