//! Whether what many callers were told has an explanation: one order of their calls, true to time, that a model agrees with.
//!
//! Owns: the search (Wing and Gong, with Lowe's memo of configurations), for any [`Model`]. Always holds: a call takes effect
//! once, between its start and its answer; one whose answer was lost takes effect at any time after its start, or never; a
//! history is refused only after every order was tried, and with the farthest point that any order reached.
//! Absent on purpose: what the calls mean (`object`), and dividing a history by keys, which its owner does.
//!
//! ## Design notes
//! Two things keep the search short. A configuration (which calls are done, and the state they led to) is never entered twice.
//! And an answered call that only looks is taken as soon as it fits, without trying others first: whatever order explains
//! the rest also explains it with this call in front. That a call changes nothing *here* is not enough: elsewhere it might.

use std::{collections::HashSet, fmt::Debug, hash::Hash};

#[cfg(test)]
mod tests;

/// Most configurations of one search. A history of 1,000 calls by 100 callers needs some 10,000; a search that comes here
/// decides nothing, and says so.
const MAX_CONFIGURATIONS: usize = 5_000_000;

/// What calls do, one at a time.
pub(super) trait Model {
    /// Everything that later answers depend on.
    type State: Clone + Eq + Hash + Debug;
    /// A call with its answer, if one came.
    type Call: Debug;

    /// The state after the call, if it may take effect in this one and its answer fits.
    fn step(&self, state: &Self::State, call: &Self::Call) -> Option<Self::State>;

    /// Whether the call, with its answer, changes nothing in whatever state it fits.
    fn looks(&self, call: &Self::Call) -> bool;
}

/// A call and its place in time.
#[derive(Clone, Debug)]
pub(super) struct Timed<C> {
    /// When it was sent.
    pub(super) sent: u64,
    /// When its answer came; `None` when it was lost.
    pub(super) answered: Option<u64>,
    /// What it asked and what it was told.
    pub(super) call: C,
}

/// Why no order explains a history.
#[derive(Debug)]
#[expect(dead_code, reason = "read by whoever reads the failure")]
pub(super) struct Unexplained<S> {
    /// Answered calls that the best order explains.
    explained: usize,
    /// Answered calls in all.
    answered: usize,
    /// Where the best order leads.
    state: S,
    /// The calls that would have to come next and do not fit.
    misfits: Vec<String>,
}

/// Looks for an order of the calls that explains every answer.
///
/// # Errors
/// How far the best order comes.
pub(super) fn explain<M: Model>(
    model: &M,
    start: M::State,
    history: &[Timed<M::Call>],
) -> Result<(), Unexplained<M::State>> {
    let mut calls: Vec<&Timed<M::Call>> = history.iter().collect();
    calls.sort_by_key(|timed| timed.sent);
    let answered = calls.iter().filter(|timed| timed.answered.is_some()).count();
    let done = Done::new(calls.len());
    let best = Best { explained: 0, done: done.clone(), state: start.clone() };
    let entered = HashSet::new();
    Search { model, calls, answered, done, explained: 0, entered, best }.run(start)
}

struct Search<'a, M: Model> {
    model: &'a M,
    /// By the time they were sent.
    calls: Vec<&'a Timed<M::Call>>,
    answered: usize,
    done: Done,
    /// How many of the answered ones are done.
    explained: usize,
    entered: HashSet<(Done, M::State)>,
    best: Best<M::State>,
}

/// One step of the order under trial.
struct Step<S> {
    state: S,
    /// The call that led here.
    taken: Option<usize>,
    /// Where to go on looking when what follows fails; `None`: nothing else is worth a try.
    next: Option<usize>,
}

struct Best<S> {
    explained: usize,
    done: Done,
    state: S,
}

impl<M: Model> Search<'_, M> {
    fn run(mut self, start: M::State) -> Result<(), Unexplained<M::State>> {
        let mut path = vec![Step { state: start, taken: None, next: Some(0) }];
        while self.explained < self.answered {
            let Some(step) = path.last_mut() else { return Err(self.unexplained()) };
            match self.choose(step) {
                Some((index, state)) => {
                    self.done.set(index, true);
                    if self.entered.insert((self.done.clone(), state.clone())) {
                        self.enter(index, &state);
                        path.push(Step { state, taken: Some(index), next: Some(0) });
                    } else {
                        self.done.set(index, false);
                    }
                }
                None => {
                    if let Some(index) = path.pop().and_then(|step| step.taken) {
                        self.done.set(index, false);
                        self.explained -= usize::from(self.calls[index].answered.is_some());
                    }
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, index: usize, state: &M::State) {
        let entered = self.entered.len();
        assert!(entered < MAX_CONFIGURATIONS, "undecided after {entered} configurations");
        self.explained += usize::from(self.calls[index].answered.is_some());
        if self.explained > self.best.explained {
            let (explained, done) = (self.explained, self.done.clone());
            self.best = Best { explained, done, state: state.clone() };
        }
    }

    /// The next call to try, and the state it leads to.
    fn choose(&self, step: &mut Step<M::State>) -> Option<(usize, M::State)> {
        let from = step.next?;
        let fitting = |index: usize| {
            self.model.step(&step.state, &self.calls[index].call).map(|state| (index, state))
        };
        let ready: Vec<usize> = self.ready(&self.done).collect();
        let told = |index: usize| self.calls[index].answered.is_some();
        let looks = |index: &&usize| told(**index) && self.model.looks(&self.calls[**index].call);
        if from == 0
            && let Some(found) = ready.iter().filter(looks).find_map(|index| fitting(*index))
        {
            step.next = None;
            return Some(found);
        }
        let later = ready.into_iter().filter(|index| *index >= from);
        // One that was lost and would change nothing need not have happened.
        let found =
            later.filter_map(fitting).find(|(index, state)| told(*index) || *state != step.state);
        step.next = found.as_ref().map(|(index, _)| index + 1);
        found
    }

    /// Calls that may come next: none that is left was answered before they were sent.
    fn ready<'s>(&'s self, done: &'s Done) -> impl Iterator<Item = usize> + 's {
        let mut first_answer = u64::MAX;
        let left = (0..self.calls.len()).filter(move |index| !done.get(*index));
        left.take_while(move |index| {
            let Timed { sent, answered, .. } = self.calls[*index];
            let may = *sent <= first_answer;
            first_answer = first_answer.min(answered.unwrap_or(u64::MAX));
            may
        })
    }

    fn unexplained(self) -> Unexplained<M::State> {
        let misfits = self.ready(&self.best.done).map(|index| format!("{:?}", self.calls[index]));
        let misfits = misfits.collect();
        let Best { explained, state, done: _ } = self.best;
        Unexplained { explained, answered: self.answered, state, misfits }
    }
}

/// Which calls are done, a bit each.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Done(Vec<u64>);

impl Done {
    fn new(calls: usize) -> Self {
        Self(vec![0; calls.div_ceil(64)])
    }

    fn get(&self, index: usize) -> bool {
        self.0[index / 64] & (1 << (index % 64)) != 0
    }

    fn set(&mut self, index: usize, done: bool) {
        let bit = 1 << (index % 64);
        match done {
            true => self.0[index / 64] |= bit,
            false => self.0[index / 64] &= !bit,
        }
    }
}
