//! Following a sibling's Watch into a copy of one's own: one policy for every follower.
//!
//! Owns: [`Sink`], what a service does with what a sibling tells; [`Sibling::follow`], the loop around it with health,
//! metrics, logs, jitter, stop and the release of the first hold; and the guard against snapshots that may not be taken
//! blindly, with the acceptance that overrules it.
//! Always holds: a token is passed only when everything before it is applied; what cannot be applied is tried again a few
//! times and then read again from a snapshot, never passed over; a snapshot of another life of the source, or one that lacks
//! much of what is held, changes nothing until it is accepted or explained.
//! Absent on purpose: what is kept, and where. A sink is idempotent: whatever it applied may come again.
//!
//! Read in this order: this page, `guard` (what is refused), `gate` (how it is accepted), `shell` (the loop), `metrics`.
//!
//! ## Design notes
//! It stands here and not beside `rpc::watch`, because `rpc` may name neither health nor clock nor the registry of metrics,
//! and closures for the three at each call would be longer than the loop.
//!
//! While a snapshot is refused the follower reads on, but applies nothing: the copy stays as it was at one moment, and says
//! how old it is. Changes laid over a copy that the source no longer stands for would be neither state. The refused
//! snapshot is kept in memory, so that what was looked at is what is taken, and its commits are asked for again from its
//! token.

mod gate;
mod guard;
mod metrics;
mod shell;
#[cfg(test)]
mod tests;

use std::{fmt::Display, future::Future};

use jiff::Timestamp;
use rpc::watch::Source;
use tokio_util::sync::CancellationToken;

pub use gate::{Refused, Siblings};
pub use guard::{Shortfall, Tally};
pub use metrics::FollowMetrics;

use crate::{
    clock::Clock,
    health::{Hold, ServiceHealth},
};
use gate::Gate;

/// What a service does with what a sibling tells.
pub trait Sink: Send {
    /// What an event means here.
    type Event: Send + Sync;
    /// Why something could not be applied; it is logged and tried again.
    type Error: Display + Send;

    /// From where to go on, with what was kept in an earlier life of this process.
    fn start(&self) -> Start {
        Start::default()
    }

    /// The name of the object that an event is about, unique among all that the source tells.
    fn name(event: &Self::Event) -> String;

    /// Names every live object that is held of the source's, so that a snapshot can be compared with it. Soft-deleted
    /// ones are not live.
    ///
    /// # Errors
    /// What is held cannot be read.
    fn held(&mut self, tally: &mut Tally) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Takes over everything there is; each object comes once.
    ///
    /// # Errors
    /// It was not taken over, or not whole; it comes again.
    fn reset(
        &mut self,
        all: &[Self::Event],
        at: &Position<'_>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Takes over the changes of one commit.
    ///
    /// # Errors
    /// They were not taken over, or not all; they come again.
    fn apply(
        &mut self,
        commit: &[Self::Event],
        at: &Position<'_>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Nothing changed; the copy is current.
    fn alive(&mut self, _at: &Position<'_>) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// The copy ages from now on, and why.
    fn lost(&mut self, _why: &str) {}
}

/// Where an update stands, and when it came.
#[derive(Clone, Copy, Debug)]
pub struct Position<'a> {
    /// From where to go on once it is applied.
    pub token: &'a str,
    /// When it came.
    pub now: Timestamp,
}

/// What an earlier life of this process kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// From where to go on; empty: from a snapshot.
    pub resume_token: String,
    /// Any token of the life of the source that the copy is of; empty when that is not known. It tells a source that was
    /// restored since.
    pub copy_of: String,
}

/// What a service follows its siblings with; a process gives one to each service that it hosts.
#[derive(Clone, Debug)]
pub struct Followers {
    health: ServiceHealth,
    clock: Clock,
    metrics: FollowMetrics,
    stop: CancellationToken,
}

/// One sibling that a service follows; clones are the same.
#[derive(Clone, Debug)]
pub struct Sibling {
    name: &'static str,
    around: Followers,
    gate: Gate,
}

impl Followers {
    /// Followers of one service, until `stop`.
    #[must_use]
    pub fn new(
        health: ServiceHealth,
        clock: Clock,
        metrics: FollowMetrics,
        stop: CancellationToken,
    ) -> Self {
        Self { health, clock, metrics, stop }
    }

    /// A sibling to be followed, by its name in health, metrics, logs and AcceptSnapshot.
    #[must_use]
    pub fn sibling(&self, name: &'static str) -> Sibling {
        Sibling { name, around: self.clone(), gate: Gate::default() }
    }
}

impl Sibling {
    /// Follows a Watch into a sink until long streams end: when everything in this process ends, losing a sibling is no
    /// news. `hold` is released with the first snapshot.
    pub async fn follow<S, K>(&self, source: S, sink: K, hold: Option<Hold>)
    where
        S: Source<Event = K::Event>,
        K: Sink,
    {
        shell::Shell::new(self, source, sink, hold, rand::random()).run().await;
    }
}
