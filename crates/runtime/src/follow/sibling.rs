//! Siblings, and what they are followed with.
//!
//! Absent on purpose: the loop, which is in `shell`.

use tokio_util::sync::CancellationToken;

use super::{gate::Gate, metrics::FollowMetrics};
use crate::{clock::Clock, health::ServiceHealth};

/// What a service follows its siblings with; a process gives one to each service that it hosts.
#[derive(Clone, Debug)]
pub struct Followers {
    pub(super) health: ServiceHealth,
    pub(super) clock: Clock,
    pub(super) metrics: FollowMetrics,
    pub(super) stop: CancellationToken,
}

/// One sibling that a service follows; clones are the same.
#[derive(Clone, Debug)]
pub struct Sibling {
    pub(super) name: &'static str,
    pub(super) around: Followers,
    pub(super) gate: Gate,
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
