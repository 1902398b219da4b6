//! Drops history that is too old, or too much.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use resource::Fault;
use runtime::worker::{Next, Worker};

use crate::service::Registry;

/// How often it looks. History is kept for days, so an hour more does not matter.
pub(crate) const TRIM_PERIOD: Duration = Duration::from_secs(60 * 60);

/// The worker.
#[derive(Debug)]
pub(crate) struct Trim(pub(crate) Arc<Registry>);

impl Worker for Trim {
    const NAME: &'static str = "trim";
    type Error = Fault;

    async fn tick(&mut self, now: Timestamp) -> Result<Next, Fault> {
        Ok(if self.0.history().trim(now).await?.more { Next::Again } else { Next::Idle })
    }
}
