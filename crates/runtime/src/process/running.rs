//! A process that serves, and its end.

use std::{fmt, time::Duration};

use futures::future::join_all;
use tokio::time::{sleep, timeout};

use super::{
    Addresses,
    base::{Base, Ended},
    edge::Serving,
    settings::ServerSettings,
};
use crate::{
    clock::Clock, health::Health, identity::TrustBundles, listener::Drain, metrics::Registry,
    worker::Signal,
};

/// Time for what has been cut to notice it.
const CUT_TIME: Duration = Duration::from_secs(2);

pub(super) struct Parts {
    pub(super) base: Base,
    pub(super) server: ServerSettings,
    pub(super) addresses: Addresses,
    pub(super) drain: Drain,
    pub(super) listeners: Serving,
    pub(super) services: Vec<Ended>,
    pub(super) reloaded: Signal,
}

/// A process that serves.
pub struct Running(Parts);

/// Why a process's end was not clean, one line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct UncleanEnd(pub Vec<String>);

impl Running {
    pub(super) fn new(parts: Parts) -> Self {
        Self(parts)
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.0.addresses
    }

    /// Whether it should get work.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.0.base.health
    }

    /// Its metrics.
    #[must_use]
    pub fn metrics(&self) -> &Registry {
        &self.0.base.metrics
    }

    /// The roots that it trusts.
    #[must_use]
    pub fn trust(&self) -> &TrustBundles {
        &self.0.base.trust
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.base.clock
    }

    /// Reads certificates, roots and tokens from their files now.
    pub fn reload(&self) {
        self.0.reloaded.notify();
    }

    /// Waits until something vital has failed, and returns the reason.
    pub async fn failed(&self) -> String {
        self.0.base.tasks.failed().await
    }

    /// Ends the process's work in order: not ready, wait for balancers, close the ports, end long streams, finish
    /// calls, stop workers, close stores.
    ///
    /// # Errors
    /// [`UncleanEnd`] if a deadline passed or something vital failed, before or during the end; everything has
    /// ended or been cut all the same.
    pub async fn stop(self) -> Result<(), UncleanEnd> {
        let Parts { base, server, drain, listeners, services, .. } = self.0;
        let mut problems = Vec::new();
        tracing::info!(wait = ?server.balancer_wait, "draining");
        base.shutdown.draining.cancel();
        base.health.drain();
        sleep(server.balancer_wait).await;

        drain.stop.cancel();
        base.shutdown.streams.cancel();
        if timeout(server.calls_deadline, listeners.listeners.wait()).await.is_err() {
            let count = listeners.listeners.len();
            problems.push(format!("{count} listeners still had calls at the deadline; cut"));
            drain.abort.cancel();
            // What does not even notice that is left to the runtime's end.
            timeout(CUT_TIME, listeners.listeners.wait()).await.ok();
        }

        base.shutdown.workers.cancel();
        let ends = services.into_iter().map(|service| closed(service, server.close_deadline));
        problems.extend(join_all(ends).await.into_iter().flatten());
        listeners.admin.cancel();
        if timeout(CUT_TIME, base.tasks.ended()).await.is_err() {
            problems.push(format!("{} tasks did not end", base.tasks.unfinished()));
        }
        problems.extend(base.tasks.failure());
        if problems.is_empty() {
            tracing::info!("ended");
            Ok(())
        } else {
            Err(UncleanEnd(problems))
        }
    }
}

/// Waits for a service to close its store; what is wrong if it does not.
async fn closed(service: Ended, deadline: Duration) -> Option<String> {
    let Ended { name, end } = service;
    // An error is the end as well: the sender went with the service.
    let in_time = timeout(deadline, end).await.is_ok();
    (!in_time).then(|| format!("{name} did not close within {deadline:?}"))
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("addresses", &self.0.addresses).finish_non_exhaustive()
    }
}
