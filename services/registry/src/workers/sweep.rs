//! Clears what referred to groups that were deleted with `force`.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use runtime::worker::{Next, Worker};

use crate::{error::Error, service::Registry};

/// How often it looks by itself. A delete with `force` signals, so this only finds what a crash left.
pub(crate) const SWEEP_PERIOD: Duration = Duration::from_secs(60);

/// The worker.
#[derive(Debug)]
pub(crate) struct Sweep(pub(crate) Arc<Registry>);

impl Worker for Sweep {
    const NAME: &'static str = "sweep";
    type Error = Error;

    async fn tick(&mut self, now: Timestamp) -> Result<Next, Error> {
        Ok(if self.0.sweep(now).await? { Next::Again } else { Next::Idle })
    }
}
