//! Drops history that is too old, or too much.

use std::time::Duration;

use jiff::Timestamp;
use resource::{Fault, history::History};
use runtime::worker::{Next, Worker};

/// How often it looks. History is kept for days, so an hour more does not matter.
pub(crate) const TRIM_PERIOD: Duration = Duration::from_secs(60 * 60);

/// The worker.
#[derive(Debug)]
pub(crate) struct Trim(pub(crate) History);

impl Worker for Trim {
    // Services of one process share the names of workers in their metrics.
    const NAME: &'static str = "trim-updates";
    type Error = Fault;

    async fn tick(&mut self, now: Timestamp) -> Result<Next, Fault> {
        Ok(if self.0.trim(now).await?.more { Next::Again } else { Next::Idle })
    }
}
