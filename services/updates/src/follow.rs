//! Keeps the copy of registry's groups current.
//!
//! Owns: one watch of all groups, for as long as the process runs.
//! Always holds: the service is held back from serving only until a first snapshot was ever taken over; after that it
//! serves from its copy, however old, and says how old.
//! Absent on purpose: a kept resume token. The snapshot of all groups is small, what equals the copy is not written again,
//! and a start that reads everything mends whatever went wrong before.

use rpc::watch::{Follower, Source, Update};
use runtime::{
    Clock,
    health::{Hold, ServiceHealth},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clients::Registry,
    error::Error,
    metrics::Metrics,
    service::groups::{GroupChange, Groups},
};

/// The sibling's name in health.
const REGISTRY: &str = "registry";

/// Pause after the store refused a change: as long as a caller is told to wait.
const RETRY_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// What the follower works on.
pub struct Follow {
    /// Whom it follows.
    pub registry: Registry,
    /// What it keeps current.
    pub groups: Groups,
    /// Where time comes from.
    pub clock: Clock,
    /// Where the age of the copy is told.
    pub metrics: Metrics,
    /// Where a broken watch is told, under the name `updates/registry`; never a part of readiness.
    pub health: ServiceHealth,
    /// What keeps the service from serving until there is a copy.
    pub hold: Option<Hold>,
}

impl Follow {
    /// Follows until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        // Only spreads the attempts of several replicas; the low bits of the time differ enough.
        let seed = self.clock.now().as_nanosecond() as u64;
        let mut follower = Follower::new(self.registry.groups(), String::new(), seed);
        while let Some(()) = stop.run_until_cancelled(self.step(&mut follower)).await {}
    }

    async fn step<S>(&mut self, follower: &mut Follower<S>)
    where
        S: Source<Event = GroupChange>,
    {
        let taken = match follower.next().await {
            Update::Reset(all) => self.reset(all).await,
            Update::Commit(changes) => self.commit(changes).await,
            Update::Alive => Ok(()),
            Update::Lost(status) => {
                tracing::warn!(code = ?status.code(), "registry's watch broke: {}", status.message());
                self.health.sibling(REGISTRY, false);
                return;
            }
        };
        match taken {
            Ok(()) => {
                let now = self.clock.now();
                self.groups.hear(now);
                self.metrics.registry_heard(now);
                self.health.sibling(REGISTRY, true);
            }
            Err(error) => {
                // What was not taken over now comes again: the watch begins anew with a snapshot.
                tracing::error!(%error, "groups could not be taken over");
                follower.start_over();
                self.clock.sleep(RETRY_PAUSE).await;
            }
        }
    }

    async fn reset(&mut self, all: Vec<GroupChange>) -> Result<(), Error> {
        let live: Vec<_> = all
            .into_iter()
            .filter_map(|change| match change {
                GroupChange::Is(group) => Some(group),
                GroupChange::Purged(_) => None,
            })
            .collect();
        self.groups.replace(&live).await?;
        if let Some(hold) = self.hold.take() {
            hold.release();
        }
        Ok(())
    }

    async fn commit(&mut self, changes: Vec<GroupChange>) -> Result<(), Error> {
        for change in changes {
            self.groups.change(change).await?;
        }
        Ok(())
    }
}
