//! A thousand writes at once, and the kill in the middle of them.
//!
//! Owns: the callers, what they choose, how they repeat, and the moment of the kill. Always holds: every call is in the history
//! with its whole life, its repeats included; a call is repeated with the same request id or not at all; each kill cut
//! hundreds of writes that were under way, else the round proved nothing and fails.
//! Absent on purpose: how a service is asked. That is each suite's [`Subject`].

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::{Rng as _, rngs::StdRng};
use testkit::{Plan, System, within};
use tokio::{sync::watch, task::JoinSet};
use tonic::Status;

use super::{
    ROUNDS,
    board::{Board, Known, Shown},
    history::{Failed, History, judge},
    linearizable::Timed,
    object::{Action, Answer, Call, Refusal, Tag, Version},
};

/// Callers at work at once, each with one call under way: so many that a thousand of them write while the others read.
const CALLERS: usize = 1_200;
/// Writes of one round.
const WRITES: usize = 1_500;
/// Connections that they share.
pub(super) const CONNECTIONS: usize = 8;
/// The kill comes after so many writes were answered: the callers are at work, and each has another write to go.
const KILLED_AFTER: std::ops::Range<usize> = CALLERS / 5..WRITES - CALLERS;
/// So many writes at least are under way at a kill; it is mostly more than a thousand.
const CUT: usize = 500;
/// Objects of the first round: four calls at once for each. With twelve the search for an explanation was not always decided.
const FIRST: usize = CALLERS / 4;
/// Objects that come into play with each later round.
const FRESH: usize = 100;
/// Objects of a suite.
pub(super) const OBJECTS: usize = objects(ROUNDS);
/// A caller who lost an answer sends the call again, so often.
const REPEATED: f64 = 0.7;
/// After a write its caller reads, so often.
const READ_AFTER: f64 = 0.2;
/// Longest until a killed process answers again, and a round ends, on a machine that does other work too.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// Objects that are in play after so many rounds have begun.
const fn objects(rounds: usize) -> usize {
    match rounds {
        0 => 0,
        rounds => FIRST + (rounds - 1) * FRESH,
    }
}

/// One call as it goes out.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) action: Action,
    /// Of the version that a write expects; empty: any.
    pub(super) etag: String,
    pub(super) request_id: String,
    /// Who joins, and with what.
    pub(super) newcomer: Option<Newcomer>,
}

/// Who wants to join.
#[derive(Clone, Debug)]
pub(super) struct Newcomer {
    /// Of the key.
    pub(super) secret: String,
    /// The signing request, DER.
    pub(super) csr: Vec<u8>,
}

/// What a call brought.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Object(Shown),
    Joined,
}

/// The objects of one service, numbered, and how they are asked for. Clones share a connection.
pub(super) trait Subject: Clone + Send + Sync + 'static {
    /// The process that is killed.
    const SERVICE: &'static str;

    /// What to do to an object that looks like this, as write number `tag`.
    fn choose(&self, chance: &mut StdRng, key: usize, known: Option<&Known>, tag: Tag) -> Ask;

    /// One call.
    fn call(&self, key: usize, ask: &Ask) -> impl Future<Output = Result<Told, Status>> + Send;
}

impl Ask {
    pub(super) fn of(chance: &mut StdRng, action: Action, etag: &str) -> Self {
        let request_id = uuid::Builder::from_random_bytes(chance.random()).into_uuid().to_string();
        Self { action, etag: etag.to_owned(), request_id, newcomer: None }
    }

    /// A write of an object that can be made, changed and deleted.
    pub(super) fn any_write(chance: &mut StdRng, known: Option<&Known>, tag: Tag) -> Self {
        let Some(known) = known.filter(|known| !known.versions.is_empty()) else {
            return Self::of(chance, Action::Create { tag }, "");
        };
        match chance.random_range(0..20) {
            0..2 => Self::of(chance, Action::Create { tag }, ""),
            2 => {
                let (expected, etag) = Self::expect(chance, known);
                Self::of(chance, Action::Delete { expected }, &etag)
            }
            _ => Self::update(chance, known, tag),
        }
    }

    /// An update: of whatever there is, of the latest version that anybody saw, or now and then of one that is past.
    pub(super) fn update(chance: &mut StdRng, known: &Known, tag: Tag) -> Self {
        let (expected, etag) = Self::expect(chance, known);
        Self::of(chance, Action::Update { tag, expected }, &etag)
    }

    fn expect(chance: &mut StdRng, known: &Known) -> (Option<Version>, String) {
        let versions = &known.versions;
        let index = match chance.random_range(0..10) {
            0..4 => return (None, String::new()),
            4..9 => versions.len().checked_sub(1),
            _ => (!versions.is_empty()).then(|| chance.random_range(0..versions.len())),
        };
        let chosen = index.map(|index| versions[index].clone());
        chosen.map_or((None, String::new()), |(version, etag)| (Some(version), etag))
    }
}

/// The callers' world.
pub(super) struct Storm<S> {
    /// One for each connection.
    lanes: Vec<S>,
    pub(super) history: History,
    pub(super) board: Board,
    tags: AtomicU32,
    /// When calls that were cut had been sent, and when their callers learnt it.
    cuts: Mutex<Vec<(u64, u64)>>,
    /// Objects in play.
    rounds: AtomicUsize,
    /// False from the kill until the service listens again: who lost an answer waits for that, and spares the machine.
    serving: watch::Sender<bool>,
}

/// The writes of one round.
struct Round {
    left: AtomicUsize,
    /// Writes whose callers are done with them.
    settled: watch::Sender<usize>,
}

/// A system whose service takes on every caller at once, and its siblings' questions besides.
pub(super) fn plan<S: Subject>() -> Plan {
    Plan::default().set_for(S::SERVICE, "server.max_calls", &(2 * CALLERS).to_string())
}

impl<S: Subject> Storm<S> {
    pub(super) fn new(lanes: Vec<S>) -> Arc<Self> {
        Arc::new(Self {
            lanes,
            history: History::default(),
            board: Board::default(),
            // 0 is what was there before any write.
            tags: AtomicU32::new(1),
            cuts: Mutex::default(),
            rounds: AtomicUsize::new(0),
            serving: watch::Sender::new(true),
        })
    }

    /// The first connection's subject.
    pub(super) fn subject(&self) -> &S {
        &self.lanes[0]
    }

    /// Objects in play.
    pub(super) fn keys(&self) -> std::ops::Range<usize> {
        0..objects(self.rounds.load(Ordering::SeqCst))
    }

    /// The number of a new write.
    pub(super) fn next_tag(&self) -> Tag {
        self.tags.fetch_add(1, Ordering::SeqCst)
    }

    /// The writes, the kill, the restart; then every object is read, for what it shows.
    pub(super) async fn rage(self: &Arc<Self>, system: &mut System) -> BTreeMap<usize, Shown> {
        let number = self.rounds.fetch_add(1, Ordering::SeqCst) + 1;
        let purpose = format!("kills: {} {number}", S::SERVICE);
        let killed_after = trial::chance(&purpose).random_range(KILLED_AFTER);
        let (settled, mut watched) = watch::channel(0);
        let round = Arc::new(Round { left: AtomicUsize::new(WRITES), settled });
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let chance = trial::chance(&format!("{purpose}, caller {caller}"));
            callers.spawn(self.clone().write(caller, chance, round.clone()));
        }
        let in_the_middle = tokio::time::timeout(PATIENCE, async {
            tokio::select! {
                settled = watched.wait_for(|settled| *settled >= killed_after) => drop(settled),
                () = all_end(&mut callers) => panic!("the writes are spent before the kill"),
            }
        });
        in_the_middle.await.expect("the writes go on");
        let killed = self.history.now();
        self.serving.send_replace(false);
        system.kill(S::SERVICE);
        system.start_again(S::SERVICE).await;
        self.serving.send_replace(true);
        let all = tokio::time::timeout(PATIENCE, all_end(&mut callers));
        all.await.expect("every caller comes to an end");
        let under_way = |(sent, learnt): &&(u64, u64)| *sent < killed && killed < *learnt;
        let cut = self.cuts.lock().unwrap().iter().filter(under_way).count();
        eprintln!(
            "{}, kill {number}: after {killed_after} of {WRITES} writes, {cut} under way",
            S::SERVICE
        );
        assert!(cut >= CUT, "the kill was not in the middle, so this round proves nothing");
        self.read_all().await
    }

    /// One caller, until the round's writes are spent.
    async fn write(self: Arc<Self>, caller: usize, mut chance: StdRng, round: Arc<Round>) {
        let subject = &self.lanes[caller % self.lanes.len()];
        let spend = |left: usize| left.checked_sub(1);
        while round.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend).is_ok() {
            let key = chance.random_range(self.keys());
            let known = self.board.known(key);
            let ask = subject.choose(&mut chance, key, known.as_ref(), self.next_tag());
            // A use that nobody comes back for is finished by a worker, much later than this suite ends.
            let repeated = ask.action == Action::Join || chance.random_bool(REPEATED);
            self.perform(subject, key, ask, repeated).await;
            round.settled.send_modify(|settled| *settled += 1);
            if chance.random_bool(READ_AFTER) {
                let get = Ask::of(&mut chance, Action::Get, "");
                self.perform(subject, key, get, true).await;
            }
        }
    }

    /// Says what was compared, for whoever reads the log.
    pub(super) fn tell(&self, commits: usize) {
        let (calls, lost) = self.history.len();
        let (service, objects) = (S::SERVICE, self.keys().len());
        eprintln!(
            "{service}: {calls} calls of {objects} objects explained, {lost} never answered; {commits} commits watched"
        );
    }

    /// Reads every object, into the history too; those that there are.
    async fn read_all(self: &Arc<Self>) -> BTreeMap<usize, Shown> {
        let mut readers = JoinSet::new();
        for lane in 0..self.lanes.len() {
            let (storm, count) = (self.clone(), self.lanes.len());
            readers.spawn(async move {
                let mut found = Vec::new();
                for key in storm.keys().filter(|key| key % count == lane) {
                    found.extend(storm.read(key).await.map(|shown| (key, shown)));
                }
                found
            });
        }
        readers.join_all().await.into_iter().flatten().collect()
    }

    /// Reads one object; `None` when there is none.
    pub(super) async fn read(&self, key: usize) -> Option<Shown> {
        let subject = &self.lanes[key % self.lanes.len()];
        let get = Ask {
            action: Action::Get,
            etag: String::new(),
            request_id: String::new(),
            newcomer: None,
        };
        match self.perform(subject, key, get, true).await {
            Some(Told::Object(shown)) => Some(shown),
            _ => None,
        }
    }

    /// A write of an object beyond those of the storm, so that watchers know when they have seen everything.
    pub(super) async fn write_a_last_one(&self) -> Shown {
        let mut chance = trial::chance(&format!("kills: the last write of {}", S::SERVICE));
        let ask = Ask::of(&mut chance, Action::Create { tag: self.next_tag() }, "");
        match self.perform(self.subject(), self.keys().end, ask, true).await {
            Some(Told::Object(shown)) => shown,
            other => panic!("the last write was answered with {other:?}"),
        }
    }

    /// One call with its repeats, into the history. Answers what it showed, if it showed something.
    pub(super) async fn perform(
        &self,
        subject: &S,
        key: usize,
        ask: Ask,
        repeated: bool,
    ) -> Option<Told> {
        let sent = self.history.now();
        let mut outcome = self.attempt(subject, key, &ask).await;
        let was_cut = matches!(outcome, Err(Failed::Cut(_)));
        if was_cut {
            self.serving.subscribe().wait_for(|serving| *serving).await.unwrap();
        }
        if was_cut && repeated {
            outcome = within(PATIENCE, "a repeated call is answered", || async {
                match self.attempt(subject, key, &ask).await {
                    Err(Failed::Cut(status)) => Err(status),
                    outcome => Ok(outcome),
                }
            })
            .await;
        } else if was_cut {
            within(PATIENCE, "the service answers again", || async {
                let get = Ask { action: Action::Get, ..ask.clone() };
                match subject.call(key, &get).await.map_err(judge) {
                    Err(Failed::Cut(status)) => Err(status),
                    _ => Ok(()),
                }
            })
            .await;
        }
        let answered = self.history.now();
        let answer = match &outcome {
            Ok(Told::Object(Shown { version, uses, .. })) => {
                Some(Answer::Shows { version: *version, uses: *uses })
            }
            Ok(Told::Joined) => Some(Answer::Joined),
            // The use may have been reserved by the attempt that was cut.
            Err(Failed::Refused(_)) if ask.action == Action::Join && was_cut => None,
            Err(Failed::Refused(refusal)) => Some(Answer::Refused(*refusal)),
            Err(Failed::Undone) if !was_cut => return None,
            Err(Failed::Undone | Failed::Cut(_)) => None,
        };
        let answered = answer.map(|_| answered);
        let call = Call { action: ask.action, answer };
        self.history.record(key, Timed { sent, answered, call });
        if let Ok(Told::Object(shown)) = &outcome {
            self.board.saw(key, shown);
        }
        outcome.ok()
    }

    async fn attempt(&self, subject: &S, key: usize, ask: &Ask) -> Result<Told, Failed> {
        let sent = self.history.now();
        let outcome = match subject.call(key, ask).await.map_err(judge) {
            // It named no version: it lost too many races, and others may win.
            Err(Failed::Refused(Refusal::Stale)) if ask.etag.is_empty() => Err(Failed::Undone),
            outcome => outcome,
        };
        if let Err(Failed::Cut(_)) = outcome
            && ask.action != Action::Get
        {
            self.cuts.lock().unwrap().push((sent, self.history.now()));
        }
        outcome
    }
}

/// Waits for all, and fails with the first that fails.
async fn all_end(tasks: &mut JoinSet<()>) {
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}
