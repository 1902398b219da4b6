//! Forgetting what is over: applications that nobody uses, targets that nobody probes, connectors that
//! are gone.

use std::{convert::Infallible, sync::Arc, time::Duration};

use jiff::Timestamp;
use runtime::worker::{Next, Worker};

use crate::{metrics::Metrics, service::index::Index};

/// How often: an application counts as used for 30 min, so a minute more or less is nothing.
pub(crate) const PERIOD: Duration = Duration::from_secs(60);

/// The worker.
#[derive(Debug)]
pub(crate) struct Tidy {
    /// What is tidied.
    pub(crate) index: Arc<Index>,
    /// Says how the fleet is.
    pub(crate) metrics: Metrics,
}

impl Worker for Tidy {
    const NAME: &'static str = "paths-tidy";
    type Error = Infallible;

    async fn tick(&mut self, now: Timestamp) -> Result<Next, Infallible> {
        for (_, tenant) in self.index.tenants() {
            if tenant.view().live.forget_unused(now) {
                tenant.announce();
            }
        }
        self.index.tidy();
        for connector in self.index.fleet().all() {
            connector.forget_slots();
        }
        let (connected, all) = self.index.fleet().count(now);
        self.metrics.fleet(connected, all);
        Ok(Next::Idle)
    }
}
