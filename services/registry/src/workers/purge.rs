//! Removes for good what was soft-deleted long enough ago.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use runtime::worker::{Next, Worker};

use crate::{error::Error, service::Registry};

/// How often it looks. Purge times are days away, so an hour more does not matter.
pub(crate) const PURGE_PERIOD: Duration = Duration::from_secs(60 * 60);

/// The worker.
#[derive(Debug)]
pub(crate) struct Purge(pub(crate) Arc<Registry>);

impl Worker for Purge {
    const NAME: &'static str = "purge";
    type Error = Error;

    async fn tick(&mut self, now: Timestamp) -> Result<Next, Error> {
        Ok(if self.0.purge(now).await? { Next::Again } else { Next::Idle })
    }
}
