//! The loop around a follower: apply, then pass the token.
//!
//! Always holds: an apply that has begun is let end when the process stops; nothing is applied while a snapshot is refused;
//! a state is logged when it begins and when it ends, not while it lasts.

use names::Reason;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use jiff::Timestamp;
use rpc::{
    Failure,
    watch::{Follower, Source, Update, epoch},
};
use tonic::Status;

use super::{
    gate::Refused,
    guard::{Lacks, Tally},
    metrics::Counts,
    sibling::Sibling,
    sink::{Position, Sink},
};
use crate::health::Hold;

/// How often what was told is applied before everything is read again: over the pauses between, as long as a store takes
/// to be well again after a lost race or a short stall.
pub(super) const APPLY_ATTEMPTS: usize = 5;
/// Pause after the first failed attempt; it doubles.
const FIRST_APPLY_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause between attempts: five attempts take less than 3 s, and the next bookmark is not missed.
const LONGEST_APPLY_PAUSE: Duration = Duration::from_secs(1);
/// Pause before everything is read again for the first time; it doubles with each time in a row.
const FIRST_RESTART_PAUSE: Duration = Duration::from_secs(1);
/// Longest such pause: a copy that cannot be written costs the source one snapshot a minute.
const LONGEST_RESTART_PAUSE: Duration = Duration::from_secs(60);

impl Sibling {
    /// Follows a Watch into a sink until long streams end: when everything in this process ends, losing a sibling is no
    /// news. `hold` is released with the first snapshot.
    pub async fn follow<S, K>(&self, source: S, sink: K, hold: Option<Hold>)
    where
        S: Source<Event = K::Event>,
        K: Sink,
    {
        Shell::new(self, source, sink, hold, rand::random()).run().await;
    }
}

/// One follower at work.
struct Shell<'a, S: Source, K: Sink> {
    sibling: &'a Sibling,
    counts: Counts,
    follower: Follower<S>,
    sink: K,
    hold: Option<Hold>,
    /// A token of the life of the source that the copy is of; empty when that is not known.
    copy_of: String,
    /// The source said since that a token is of another life.
    epoch_changed: bool,
    refused: Option<Waiting<K::Event>>,
    /// Why the copy is not current, while it is not.
    trouble: Option<Trouble>,
    restarts: ExponentialBackoff,
    seed: u64,
}

/// A snapshot that is refused.
struct Waiting<E> {
    all: Vec<E>,
    token: String,
    lacks: Lacks,
    epoch_changed: bool,
}

/// Why a copy is not current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Not heard yet in this life.
    New,
    Lost,
    NotApplied,
    Refused,
}

/// What is to be applied.
enum Step<'e, E> {
    Reset(&'e [E]),
    Commit(&'e [E]),
}

impl<E> Clone for Step<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Step<'_, E> {}

impl<'a, S: Source<Event = K::Event>, K: Sink> Shell<'a, S, K> {
    fn new(sibling: &'a Sibling, source: S, sink: K, hold: Option<Hold>, seed: u64) -> Self {
        let start = sink.start();
        Self {
            sibling,
            counts: sibling.around.metrics.of(sibling.around.health.service(), sibling.name),
            follower: Follower::new(source, start.resume_token, seed),
            sink,
            hold,
            copy_of: start.copy_of,
            epoch_changed: false,
            refused: None,
            trouble: Some(Trouble::New),
            restarts: restart_pauses(seed),
            seed,
        }
    }

    async fn run(mut self) {
        self.tell_refused(false);
        let stop = &self.sibling.around.stop;
        loop {
            let update = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.sibling.gate.accepted() => None,
                update = self.follower.next() => Some(update),
            };
            match update {
                None => self.take_refused().await,
                Some(Update::Reset(all)) => self.on_snapshot(all).await,
                Some(Update::Commit(commit)) => self.on_commit(commit).await,
                Some(Update::Alive) => self.on_alive().await,
                Some(Update::Lost(status)) => self.on_lost(&status),
            }
        }
    }

    async fn on_snapshot(&mut self, all: Vec<K::Event>) {
        let token = self.follower.given_token().to_owned();
        let mut tally = Tally::of(all.iter().map(K::name));
        if let Err(error) = self.sink.held(&mut tally).await {
            self.failed(&error);
            return self.start_over().await;
        }
        let lacks = tally.finish();
        let epoch_changed = self.is_other_life(&token);
        if lacks.allow(epoch_changed) {
            self.take(&all, token).await;
        } else {
            self.refuse(Waiting { all, token, lacks, epoch_changed });
        }
    }

    /// Whether a token is of another life of the source than the copy.
    fn is_other_life(&self, token: &str) -> bool {
        match (epoch(&self.copy_of), epoch(token)) {
            (Some(held), Some(told)) => held != told,
            _ => self.epoch_changed,
        }
    }

    async fn take(&mut self, all: &[K::Event], token: String) {
        if !self.write(Step::Reset(all), &token).await {
            return self.start_over().await;
        }
        self.follower.pass();
        self.taken(token);
    }

    /// A snapshot is in the copy.
    fn taken(&mut self, token: String) {
        self.counts.snapshot("taken");
        self.copy_of = token;
        self.epoch_changed = false;
        if self.refused.take().is_some() {
            self.tell_refused(false);
            self.sibling.gate.open();
        }
        if let Some(hold) = self.hold.take() {
            hold.release();
        }
        self.current();
    }

    async fn on_commit(&mut self, commit: Vec<K::Event>) {
        if let Some(refused) = &mut self.refused {
            commit.iter().for_each(|event| refused.lacks.explain(&K::name(event)));
            let is_explained = refused.lacks.allow(refused.epoch_changed);
            self.follower.pass();
            if is_explained {
                self.take_refused().await;
            }
            return;
        }
        let token = self.follower.given_token().to_owned();
        if self.write(Step::Commit(&commit), &token).await {
            self.follower.pass();
            self.current();
        } else {
            self.start_over().await;
        }
    }

    async fn on_alive(&mut self) {
        if self.refused.is_none() {
            let at = Position { token: self.follower.given_token(), now: now(self.sibling) };
            self.sink.alive(&at).await;
            self.current();
        }
        self.follower.pass();
    }

    fn on_lost(&mut self, status: &Status) {
        let reason = Failure::from_status(status);
        self.epoch_changed |= reason.reason() == Reason::EpochChanged;
        // While a snapshot is refused that is the news; the stream is opened again all the same.
        if self.refused.is_none() && self.enter(Trouble::Lost) {
            let (sibling, code, message) = (self.sibling.name, status.code(), status.message());
            tracing::warn!(sibling, ?code, message, "a sibling is lost; the copy ages");
            self.sink.lost(&format!("{sibling} cannot be followed now: {message}"));
        }
    }

    fn refuse(&mut self, waiting: Waiting<K::Event>) {
        self.follower.pass();
        self.counts.snapshot("refused");
        let Waiting { token, lacks, epoch_changed, .. } = &waiting;
        let (missing, sibling) = (lacks.shortfalls(), self.sibling.name);
        if self.refused.as_ref().is_none_or(|before| before.token != *token) {
            tracing::warn!(
                reason = "SNAPSHOT_SHRUNK",
                sibling,
                snapshot = token,
                epoch_changed,
                ?missing,
                "a snapshot is refused: the source was restored, or lost much of what is held here; the copy stays as it is until AcceptSnapshot"
            );
            let (snapshot, since) = (token.clone(), now(self.sibling));
            let epoch_changed = *epoch_changed;
            self.sibling.gate.refuse(Refused { snapshot, epoch_changed, missing, since });
        }
        self.refused = Some(waiting);
        self.tell_refused(true);
        self.enter(Trouble::Refused);
        self.sink.lost(&format!(
            "a snapshot of {sibling} is refused (SNAPSHOT_SHRUNK) until a system administrator accepts it"
        ));
    }

    /// The refused snapshot is accepted, or explained.
    async fn take_refused(&mut self) {
        let Some(waiting) = self.refused.take() else { return };
        let is_taken = self.write(Step::Reset(&waiting.all), &waiting.token).await;
        let token = waiting.token.clone();
        self.refused = Some(waiting);
        if is_taken {
            tracing::info!(
                sibling = self.sibling.name,
                snapshot = token,
                "a refused snapshot is taken"
            );
            // What came since then was read past.
            self.follower.resume_from(token.clone());
            self.taken(token);
        } else {
            // The acceptance stands, and so does the snapshot.
            self.rest().await;
        }
    }

    /// Applies one thing, again after a failure; whether it is applied.
    async fn write(&mut self, step: Step<'_, K::Event>, token: &str) -> bool {
        let mut pauses = apply_pauses(self.seed);
        loop {
            let at = Position { token, now: now(self.sibling) };
            let done = match step {
                Step::Reset(all) => self.sink.reset(all, &at).await,
                Step::Commit(commit) => self.sink.apply(commit, &at).await,
            };
            let Err(error) = done else {
                self.restarts = restart_pauses(self.seed);
                return true;
            };
            self.failed(&error);
            let Some(pause) = pauses.next() else { return false };
            let pause = tokio::time::sleep(pause);
            if self.sibling.around.stop.run_until_cancelled(pause).await.is_none() {
                return false;
            }
        }
    }

    fn failed(&mut self, error: &K::Error) {
        self.counts.failed_apply();
        if self.enter(Trouble::NotApplied) {
            let sibling = self.sibling.name;
            tracing::error!(sibling, %error, "what a sibling told cannot be applied; it is tried again");
        }
    }

    /// Reads everything again, after a pause.
    async fn start_over(&mut self) {
        self.follower.resume_from(String::new());
        self.rest().await;
    }

    async fn rest(&mut self) {
        let pause = tokio::time::sleep(self.restarts.next().unwrap_or(LONGEST_RESTART_PAUSE));
        self.sibling.around.stop.run_until_cancelled(pause).await;
    }

    /// The copy is as the source is.
    fn current(&mut self) {
        self.counts.current(now(self.sibling));
        if self.trouble.take().is_some() {
            self.sibling.around.health.sibling(self.sibling.name, true);
            tracing::info!(sibling = self.sibling.name, "a sibling is followed");
        }
    }

    /// The copy is not current; whether that is news.
    fn enter(&mut self, trouble: Trouble) -> bool {
        self.sibling.around.health.sibling(self.sibling.name, false);
        self.trouble.replace(trouble) != Some(trouble)
    }

    /// Says under a health name of its own and a metric whether a snapshot is refused.
    fn tell_refused(&self, is_refused: bool) {
        let name = format!("{}/snapshot", self.sibling.name);
        self.sibling.around.health.sibling(&name, !is_refused);
        self.counts.shrunk(is_refused);
    }
}

fn now(sibling: &Sibling) -> Timestamp {
    sibling.around.clock.now()
}

fn apply_pauses(seed: u64) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_APPLY_PAUSE)
        .with_max_delay(LONGEST_APPLY_PAUSE)
        .with_max_times(APPLY_ATTEMPTS - 1)
        .with_jitter()
        .with_jitter_seed(seed)
        .build()
}

fn restart_pauses(seed: u64) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_RESTART_PAUSE)
        .with_max_delay(LONGEST_RESTART_PAUSE)
        .without_max_times()
        .with_jitter()
        .with_jitter_seed(seed)
        .build()
}
