//! Drops history that is too old, or too much.

use std::time::Duration;

use jiff::Timestamp;
use resource::{Fault, history::History};
use runtime::worker::{Next, Worker};

/// How often it looks. History is kept for days, so an hour more does not matter.
pub(crate) const PERIOD: Duration = Duration::from_secs(60 * 60);

/// The worker.
pub(crate) struct Trim {
    pub(crate) history: History,
}

impl Worker for Trim {
    // Services of one process share the names of workers in their metrics.
    const NAME: &'static str = "trim-provisioning";
    type Error = Fault;

    async fn tick(&mut self, now: Timestamp) -> Result<Next, Fault> {
        Ok(if self.history.trim(now).await?.more { Next::Again } else { Next::Idle })
    }
}
