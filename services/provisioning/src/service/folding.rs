//! Who waits for whom at a key: what comes while a commit is under way goes into the next one together.
//!
//! Owns: the queues, and how often a lost race is run again. Always holds: of one kind (joins, uses given back) one fold is under way at a
//! key at a time, of those who came first; keys do not wait for each other; everyone who asked gets an answer of their own.
//!
//! ## Design notes
//! Exactness does not rest on this: every commit carries preconditions on the key's count, which hold across replicas. Without
//! it, though, sixty joins at once would read the same count, one would win, and the others would read again; and one after
//! the other, each would wait for a sync of the disk of its own.
//! The folds run in a task of the service and not in the calls: a caller may go away at any moment, and one that decided for
//! others would leave them without an answer. Whoever went away before its turn is left out.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    future::Future,
};

use futures::{StreamExt, stream::FuturesUnordered};
use resource::Fault;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{domain::refusal::Refusal, error::Error};

/// Calls that may be on their way to the task: as many as a process takes at once; a later one waits.
const QUEUE: usize = 512;
/// How often a commit that lost a race is decided anew. One kind does not race itself at a key; only the other kind, changes of the
/// key and joins at other keys of the same prefix get in between.
const MAX_RACES: usize = 64;

/// A kind of change that moves a key's count, and how several are made in one commit.
pub(crate) trait Fold: Clone + Send + Sync + 'static {
    /// What a caller wants.
    type Asked: Send + Sync;
    /// What it gets.
    type Done: Send;
    /// Most callers of one fold.
    const MOST: usize;

    /// Decides whom it can of those who are not; false if the commit lost a race. A pass that lost none decides somebody.
    fn pass(
        &self,
        key: Uuid,
        asked: &[Self::Asked],
        told: &mut [Option<Result<Self::Done, Error>>],
    ) -> impl Future<Output = Result<bool, Fault>> + Send;
}

/// Decides all callers of one key; the answers stand in their order.
pub(super) async fn decide<F: Fold>(
    fold: &F,
    key: Uuid,
    asked: &[F::Asked],
) -> Vec<Result<F::Done, Error>> {
    let mut told: Vec<_> = asked.iter().map(|_| None).collect();
    let (mut races, mut failed) = (0, None);
    while failed.is_none() && races < MAX_RACES && told.iter().any(Option::is_none) {
        match fold.pass(key, asked, &mut told).await {
            Ok(won) => races += usize::from(!won),
            Err(error) => failed = Some(error),
        }
    }
    let untold = || failed.clone().map_or_else(|| Refusal::Pending.into(), Error::from);
    told.into_iter().map(|told| told.unwrap_or_else(|| Err(untold()))).collect()
}

/// A caller, and where it waits.
struct Waiting<F: Fold> {
    key: Uuid,
    asked: F::Asked,
    answer: oneshot::Sender<Result<F::Done, Error>>,
}

/// The way to the folds of one kind. A cheap handle.
#[derive(Debug)]
pub(crate) struct Queue<F: Fold>(mpsc::Sender<Waiting<F>>);

impl<F: Fold> Clone for Queue<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F: Fold> Queue<F> {
    /// Waits for its turn at the key, and for the outcome.
    pub(crate) async fn ask(&self, key: Uuid, asked: F::Asked) -> Result<F::Done, Error> {
        // Only a process that ends has no task; what it did for this call, the repeat or the worker finds.
        let ending = || Error::from(Refusal::Pending);
        let (answer, answered) = oneshot::channel();
        self.0.send(Waiting { key, asked, answer }).await.map_err(|_| ending())?;
        answered.await.map_err(|_| ending())?
    }
}

/// The task.
pub(crate) struct Folding<F: Fold> {
    fold: F,
    arrivals: mpsc::Receiver<Waiting<F>>,
    /// Who waits, by key; a key that is in here has a fold under way.
    waiting: HashMap<Uuid, VecDeque<Waiting<F>>>,
}

impl<F: Fold> Folding<F> {
    /// The task, and the way to it.
    pub(crate) fn new(fold: F) -> (Self, Queue<F>) {
        let (queue, arrivals) = mpsc::channel(QUEUE);
        (Self { fold, arrivals, waiting: HashMap::new() }, Queue(queue))
    }

    /// Works until the last [`Queue`] is gone.
    pub(crate) async fn run(mut self) {
        let mut folds = FuturesUnordered::new();
        loop {
            let next = tokio::select! {
                arrived = self.arrivals.recv() => match arrived {
                    Some(arrived) => self.arrive(arrived),
                    None => return,
                },
                Some(key) = folds.next() => self.next_of(key).map(|together| (key, together)),
            };
            if let Some((key, together)) = next {
                folds.push(answer(self.fold.clone(), key, together));
            }
        }
    }

    /// Queues a caller, or begins a fold with it.
    fn arrive(&mut self, arrived: Waiting<F>) -> Option<(Uuid, Vec<Waiting<F>>)> {
        let key = arrived.key;
        match self.waiting.entry(key) {
            Entry::Occupied(mut queue) => {
                queue.get_mut().push_back(arrived);
                None
            }
            Entry::Vacant(place) => {
                place.insert(VecDeque::new());
                Some((key, vec![arrived]))
            }
        }
    }

    /// Those of a key who go next, if anyone waits.
    fn next_of(&mut self, key: Uuid) -> Option<Vec<Waiting<F>>> {
        let queue = self.waiting.get_mut(&key)?;
        queue.retain(|waiting| !waiting.answer.is_closed());
        if queue.is_empty() {
            self.waiting.remove(&key);
            return None;
        }
        Some(queue.drain(..queue.len().min(F::MOST)).collect())
    }
}

/// One fold; answers its key.
async fn answer<F: Fold>(fold: F, key: Uuid, together: Vec<Waiting<F>>) -> Uuid {
    let (asked, answers): (Vec<_>, Vec<_>) =
        together.into_iter().map(|waiting| (waiting.asked, waiting.answer)).unzip();
    let told = decide(&fold, key, &asked).await;
    for (answer, told) in answers.into_iter().zip(told) {
        // Who went away in between finds its enrolment when it repeats, or the worker finishes it.
        let _ = answer.send(told);
    }
    key
}
