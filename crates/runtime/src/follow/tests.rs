//! The loop over a scripted source and a sink that fails when it is told to.

use names::Reason;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::StreamExt as _;
use jiff::Timestamp;
use proto::r#type::v1::WatchPhase;
use rpc::watch::{Batch, Batches, Source};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::{clock::Clock, health::Health, metrics::Registry};

/// An object by its name; `None` when it is gone.
type Event = (String, Option<u32>);
type Wire = mpsc::UnboundedSender<Result<Batch<Event>, Status>>;

/// Tells the test of each opened stream: the token it was asked with, and where its responses go in.
struct Script(mpsc::UnboundedSender<(String, Wire)>);

impl Source for Script {
    type Event = Event;

    async fn open(&mut self, resume_token: String) -> Result<Batches<Event>, Status> {
        let (wire, responses) = mpsc::unbounded_channel();
        self.0.send((resume_token, wire)).unwrap();
        Ok(UnboundedReceiverStream::new(responses).boxed())
    }
}

/// What the sink and the test share.
#[derive(Default)]
struct Shared {
    held: BTreeMap<String, u32>,
    /// How many of the next applies fail.
    failures: usize,
    why_lost: Vec<String>,
}

struct Copy {
    shared: Arc<Mutex<Shared>>,
    start: Start,
    /// Tells the test of each apply: `reset t1`, `commit t2`, `alive t3`, `failed`.
    done: mpsc::UnboundedSender<String>,
}

impl Copy {
    fn write(&mut self, what: &str, events: &[Event], at: &Position<'_>) -> Result<(), String> {
        let mut shared = self.shared.lock().unwrap();
        let fails = shared.failures > 0;
        shared.failures -= usize::from(fails);
        let line = if fails { "failed".to_owned() } else { format!("{what} {}", at.token) };
        self.done.send(line).unwrap();
        if fails {
            return Err("no luck".to_owned());
        }
        if what == "reset" {
            shared.held.clear();
        }
        for (name, value) in events {
            match value {
                Some(value) => shared.held.insert(name.clone(), *value),
                None => shared.held.remove(name),
            };
        }
        Ok(())
    }
}

impl Sink for Copy {
    type Event = Event;
    type Error = String;

    fn start(&self) -> Start {
        self.start.clone()
    }

    fn name((name, _): &Event) -> String {
        name.clone()
    }

    async fn held(&mut self, tally: &mut Tally) -> Result<(), String> {
        for name in self.shared.lock().unwrap().held.keys() {
            tally.holds("connectors", name.clone());
        }
        Ok(())
    }

    async fn reset(&mut self, all: &[Event], at: &Position<'_>) -> Result<(), String> {
        self.write("reset", all, at)
    }

    async fn apply(&mut self, commit: &[Event], at: &Position<'_>) -> Result<(), String> {
        self.write("commit", commit, at)
    }

    async fn alive(&mut self, at: &Position<'_>) {
        self.done.send(format!("alive {}", at.token)).unwrap();
    }

    fn lost(&mut self, why: &str) {
        self.shared.lock().unwrap().why_lost.push(why.to_owned());
    }
}

/// A follower of `registry` at work in `paths`.
struct Bench {
    health: Health,
    metrics: Registry,
    sibling: Sibling,
    shared: Arc<Mutex<Shared>>,
    opened: mpsc::UnboundedReceiver<(String, Wire)>,
    done: mpsc::UnboundedReceiver<String>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

/// Begins with what an earlier life kept.
fn bench(start: Start, held: &[Event]) -> Bench {
    let (health, metrics, stop) = (Health::new(), Registry::new(), CancellationToken::new());
    let paths = health.service("paths", &[]);
    let clock = Clock::manual(Timestamp::UNIX_EPOCH).0;
    let counted = FollowMetrics::register(&metrics);
    let followers = Followers::new(paths.clone(), clock, counted, stop.clone());
    let sibling = followers.sibling("registry");
    let shared = Arc::new(Mutex::new(Shared::default()));
    let held = held.iter().filter_map(|(name, value)| Some((name.clone(), (*value)?)));
    shared.lock().unwrap().held.extend(held);
    let (script, opened) = mpsc::unbounded_channel();
    let (done, applied) = mpsc::unbounded_channel();
    let sink = Copy { shared: shared.clone(), start, done };
    let hold = paths.hold("nothing was loaded yet");
    let follower = sibling.clone();
    let task = tokio::spawn(async move {
        follower.follow(Script(script), sink, Some(hold)).await;
    });
    Bench { health, metrics, sibling, shared, opened, done: applied, stop, task }
}

impl Bench {
    /// The next stream that the follower opens, and the token that it sends.
    async fn stream(&mut self) -> (String, Wire) {
        self.opened.recv().await.unwrap()
    }

    async fn done(&mut self) -> String {
        self.done.recv().await.unwrap()
    }

    async fn refused(&self) -> Refused {
        let mut watched = self.sibling.gate.0.subscribe();
        watched.wait_for(|state| state.refused.is_some()).await.unwrap().refused.clone().unwrap()
    }

    fn counts(&self, line: &str) -> bool {
        self.metrics.encode().contains(line)
    }

    fn is_serving(&self, name: &str) -> Option<bool> {
        self.health.is_serving(name)
    }
}

fn objects(count: usize) -> Vec<Event> {
    (0..count).map(|number| (format!("c{number:02}"), Some(1))).collect()
}

fn token(epoch: u8, revision: u64) -> String {
    URL_SAFE_NO_PAD.encode([[epoch; 16].as_slice(), &revision.to_be_bytes()].concat())
}

fn snapshot(wire: &Wire, all: Vec<Event>, token: &str) {
    let batch = |phase, events, resume_token: &str| Batch {
        phase,
        events,
        end_of_commit: false,
        resume_token: resume_token.to_owned(),
    };
    wire.send(Ok(batch(WatchPhase::Snapshot, all, ""))).unwrap();
    wire.send(Ok(batch(WatchPhase::SnapshotEnd, Vec::new(), token))).unwrap();
}

fn commit(wire: &Wire, events: &[(&str, Option<u32>)], token: &str) {
    let events = events.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let (phase, resume_token) = (WatchPhase::Changes, token.to_owned());
    wire.send(Ok(Batch { phase, events, end_of_commit: true, resume_token })).unwrap();
}

fn kept(token: &str) -> Start {
    Start { resume_token: token.to_owned(), copy_of: token.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn an_apply_that_fails_once_is_repeated_and_then_its_token_is_passed() {
    let mut bench = bench(Start::default(), &[]);
    let (asked, wire) = bench.stream().await;
    assert_eq!((asked.as_str(), bench.is_serving("paths")), ("", Some(false)));
    snapshot(&wire, objects(1), "t1");
    assert_eq!(bench.done().await, "reset t1");
    bench.shared.lock().unwrap().failures = 1;
    commit(&wire, &[("c00", Some(2))], "t2");
    assert_eq!((bench.done().await, bench.done().await), ("failed".into(), "commit t2".into()));
    drop(wire);
    assert_eq!(bench.stream().await.0, "t2", "the commit is not asked for again");
    assert_eq!(bench.shared.lock().unwrap().held["c00"], 2);
    assert_eq!(bench.is_serving("paths"), Some(true), "the first snapshot released the hold");
    let failed = r#"causeway_follower_failed_applies_total{service="paths",source="registry"} 1"#;
    assert!(bench.counts(failed), "{}", bench.metrics.encode());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_applied_is_read_again_from_a_snapshot_and_never_passed_over() {
    let mut bench = bench(Start::default(), &[]);
    let (_, wire) = bench.stream().await;
    snapshot(&wire, objects(1), "t1");
    assert_eq!(bench.done().await, "reset t1");
    bench.shared.lock().unwrap().failures = 2 * shell::APPLY_ATTEMPTS;
    commit(&wire, &[("c00", None)], "t2");
    let mut last = wire;
    // The commit, and then the first snapshot that is to mend it.
    for _ in 0..2 {
        for _ in 0..shell::APPLY_ATTEMPTS {
            assert_eq!(bench.done().await, "failed");
        }
        let (asked, wire) = bench.stream().await;
        assert_eq!((asked.as_str(), bench.is_serving("paths/registry")), ("", Some(false)));
        snapshot(&wire, Vec::new(), "t3");
        last = wire;
    }
    assert_eq!(bench.done().await, "reset t3");
    assert!(bench.shared.lock().unwrap().held.is_empty());
    commit(&last, &[("c01", Some(1))], "t4");
    assert_eq!(bench.done().await, "commit t4");
    assert_eq!(bench.is_serving("paths/registry"), Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_is_told_once_and_followed_again() {
    let mut bench = bench(kept("t1"), &objects(1));
    for asked in ["t1", "t1"] {
        let (token, wire) = bench.stream().await;
        assert_eq!(token, asked);
        wire.send(Err(Status::unavailable("away"))).unwrap();
    }
    let (_, wire) = bench.stream().await;
    assert_eq!(bench.is_serving("paths/registry"), Some(false));
    let told = bench.shared.lock().unwrap().why_lost.clone();
    assert_eq!(told, ["registry cannot be followed now: away"]);
    let phase = WatchPhase::Bookmark;
    let bookmark =
        Batch { phase, events: Vec::new(), end_of_commit: false, resume_token: "t2".into() };
    wire.send(Ok(bookmark)).unwrap();
    assert_eq!(bench.done().await, "alive t2");
    drop(wire);
    assert_eq!(bench.stream().await.0, "t2");
    bench.stop.cancel();
    bench.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn another_life_of_the_source_is_refused_until_exactly_that_snapshot_is_accepted() {
    let (old, new) = (token(1, 9), token(2, 5));
    let mut bench = bench(kept(&old), &objects(2));
    let (asked, wire) = bench.stream().await;
    assert_eq!(asked, old);
    let gone = rpc::Failure::new(rpc::Kind::OutOfRange, Reason::EpochChanged, "restored");
    wire.send(Err(gone.into())).unwrap();
    let (asked, wire) = bench.stream().await;
    assert_eq!(asked, "");
    snapshot(&wire, objects(3), &new);
    let refused = bench.refused().await;
    assert_eq!((refused.snapshot.as_str(), refused.epoch_changed), (new.as_str(), true));
    assert!(refused.missing.is_empty(), "{refused:?}");
    assert_eq!(bench.is_serving("paths/registry/snapshot"), Some(false));
    let shrunk = r#"causeway_follower_snapshot_shrunk{service="paths",source="registry"} 1"#;
    assert!(bench.counts(shrunk), "{}", bench.metrics.encode());
    // It is read past, and comes again from the token of the snapshot.
    commit(&wire, &[("c02", Some(2))], &token(2, 6));
    assert!(!bench.sibling.gate.accept(&old).await, "another snapshot");
    assert_eq!(bench.shared.lock().unwrap().held.len(), 2);

    let gate = bench.sibling.gate.clone();
    let (accepted, done) = tokio::join!(gate.accept(&new), bench.done());
    assert_eq!((accepted, done), (true, format!("reset {new}")));
    assert_eq!(bench.shared.lock().unwrap().held.len(), 3);
    assert_eq!(bench.is_serving("paths/registry/snapshot"), Some(true));
    assert_eq!(bench.stream().await.0, new);
}

#[tokio::test(start_paused = true)]
async fn a_changed_epoch_is_known_by_the_refused_token_alone() {
    let mut bench = bench(kept("opaque"), &objects(1));
    let (_, wire) = bench.stream().await;
    let gone = rpc::Failure::new(rpc::Kind::OutOfRange, Reason::EpochChanged, "restored");
    wire.send(Err(gone.into())).unwrap();
    let (_, wire) = bench.stream().await;
    snapshot(&wire, objects(1), "new");
    assert!(bench.refused().await.epoch_changed);
}

#[tokio::test(start_paused = true)]
async fn a_shrunk_snapshot_is_refused_and_taken_once_enough_of_what_it_lacks_is_named() {
    let mut bench = bench(kept(&token(1, 1)), &objects(20));
    let (_, wire) = bench.stream().await;
    let compacted =
        rpc::Failure::new(rpc::Kind::OutOfRange, Reason::RevisionCompacted, "compacted");
    wire.send(Err(compacted.into())).unwrap();
    let (_, wire) = bench.stream().await;
    let short = token(1, 8);
    snapshot(&wire, objects(8), &short);
    let refused = bench.refused().await;
    let missing = [Shortfall { kind: "connectors", held: 20, missing: 12 }];
    assert_eq!((refused.missing.as_slice(), refused.epoch_changed), (&missing[..], false));
    commit(&wire, &[("c19", None), ("c18", Some(2)), ("c00", Some(2))], &token(1, 9));
    assert_eq!(bench.done().await, format!("reset {short}"), "ten are missing by now");
    let (asked, wire) = bench.stream().await;
    assert_eq!(asked, short);
    commit(&wire, &[("c18", Some(2))], &token(1, 9));
    assert_eq!(bench.done().await, format!("commit {}", token(1, 9)));
    assert_eq!(bench.shared.lock().unwrap().held.len(), 9);
}

#[tokio::test(start_paused = true)]
async fn an_acceptance_stands_until_the_snapshot_can_be_applied() {
    let mut bench = bench(kept(&token(1, 1)), &objects(1));
    let (_, wire) = bench.stream().await;
    let new = token(2, 1);
    snapshot(&wire, Vec::new(), &new);
    bench.refused().await;
    bench.shared.lock().unwrap().failures = shell::APPLY_ATTEMPTS + 1;
    let gate = bench.sibling.gate.clone();
    let applied = async {
        for _ in 0..=shell::APPLY_ATTEMPTS {
            assert_eq!(bench.done().await, "failed");
        }
        assert_eq!(bench.done().await, format!("reset {new}"));
    };
    let (accepted, ()) = tokio::join!(gate.accept(&new), applied);
    assert!(accepted);
}

#[tokio::test(start_paused = true)]
async fn a_better_snapshot_takes_the_place_of_a_refused_one() {
    let mut bench = bench(kept(&token(1, 1)), &objects(20));
    let (_, wire) = bench.stream().await;
    snapshot(&wire, Vec::new(), &token(1, 2));
    bench.refused().await;
    snapshot(&wire, objects(20), &token(1, 3));
    assert_eq!(bench.done().await, format!("reset {}", token(1, 3)));
    commit(&wire, &[("c00", None)], &token(1, 4));
    assert_eq!(bench.done().await, format!("commit {}", token(1, 4)));
    assert_eq!(bench.is_serving("paths/registry/snapshot"), Some(true));
}
