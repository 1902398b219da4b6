//! Who waits for whom at a key: joins that come while a commit is under way go into the next one together.
//!
//! Always holds: at one key one fold is under way at a time, of the [`MAX_NEWCOMERS`] that came first; keys do not wait for
//! each other; everyone who asked gets an answer of their own.
//!
//! ## Design notes
//! Exactness does not rest on this: every commit carries preconditions on the key and its count, which hold across replicas. Without
//! it, though, sixty joins at once would read the same count, one would win, and the others would read again; and one after
//! the other, each would wait for a sync of the disk of its own.
//! The folds run in a task of the service and not in the calls: a caller may go away at any moment, and one that decided for
//! others would leave them without an answer. Whoever went away before its turn spends no use.

use std::collections::{HashMap, VecDeque, hash_map::Entry};

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::reserving::{Applicant, Outcome, Reserving};
use crate::{domain::refusal::Refusal, error::Error, store::MAX_NEWCOMERS};

/// Joins that may be on their way to the task: as many calls as a process takes at once; a later one waits.
const QUEUE: usize = 512;

/// An applicant, and where it waits.
struct Waiting {
    applicant: Applicant,
    answer: oneshot::Sender<Outcome>,
}

/// Step (a), as a call asks for it. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Joins(mpsc::Sender<Waiting>);

impl Joins {
    /// A repeat's enrolment, or a new one that is RESERVED.
    pub(crate) async fn start(&self, applicant: Applicant) -> Outcome {
        // Only a process that ends has no task; what it did for this call, the repeat finds.
        let ending = || Error::from(Refusal::Pending);
        let (answer, answered) = oneshot::channel();
        self.0.send(Waiting { applicant, answer }).await.map_err(|_| ending())?;
        answered.await.map_err(|_| ending())?
    }
}

/// The task.
pub(crate) struct Folding {
    reserving: Reserving,
    arrivals: mpsc::Receiver<Waiting>,
    /// Who waits, by key; a key that is in here has a fold under way.
    waiting: HashMap<Uuid, VecDeque<Waiting>>,
}

impl Folding {
    /// The task, and the way to it.
    pub(crate) fn new(reserving: Reserving) -> (Self, Joins) {
        let (joins, arrivals) = mpsc::channel(QUEUE);
        (Self { reserving, arrivals, waiting: HashMap::new() }, Joins(joins))
    }

    /// Works until the last [`Joins`] is gone.
    pub(crate) async fn run(mut self) {
        let mut folds = FuturesUnordered::new();
        loop {
            let fold = tokio::select! {
                arrived = self.arrivals.recv() => match arrived {
                    Some(arrived) => self.arrive(arrived),
                    None => return,
                },
                Some(key) = folds.next() => self.next_of(key).map(|next| (key, next)),
            };
            if let Some((key, together)) = fold {
                folds.push(fold_of(self.reserving.clone(), key, together));
            }
        }
    }

    /// Queues an applicant, or begins a fold with it.
    fn arrive(&mut self, arrived: Waiting) -> Option<(Uuid, Vec<Waiting>)> {
        let key = arrived.applicant.key;
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
    fn next_of(&mut self, key: Uuid) -> Option<Vec<Waiting>> {
        let queue = self.waiting.get_mut(&key)?;
        queue.retain(|waiting| !waiting.answer.is_closed());
        if queue.is_empty() {
            self.waiting.remove(&key);
            return None;
        }
        Some(queue.drain(..queue.len().min(MAX_NEWCOMERS)).collect())
    }
}

async fn fold_of(reserving: Reserving, key: Uuid, together: Vec<Waiting>) -> Uuid {
    let (applicants, answers): (Vec<_>, Vec<_>) =
        together.into_iter().map(|waiting| (waiting.applicant, waiting.answer)).unzip();
    let outcomes = reserving.decide(key, &applicants).await;
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        // Who went away in between finds its enrolment when it repeats, or the worker finishes it.
        let _ = answer.send(outcome);
    }
    key
}
