//! Removes what has had its time: deleted keys after 30 days, revocations after their last leaf.

use std::time::Duration;

use jiff::Timestamp;
use resource::history::History;
use rpc::access::Principal;
use runtime::worker::{Next, Worker};

use crate::{error::Error, store::Rows};

/// How often to look; nothing depends on the hour.
pub(crate) const PERIOD: Duration = Duration::from_secs(600);
/// Most keys of one tick, so that a tick stays short.
const BATCH: usize = 100;

/// The worker.
pub(crate) struct Sweep {
    pub(crate) rows: Rows,
    pub(crate) history: History,
}

impl Worker for Sweep {
    const NAME: &'static str = "sweep-keys-and-revocations";
    type Error = Error;

    async fn tick(&mut self, now: Timestamp) -> Result<Next, Error> {
        let by = Principal::worker(Self::NAME, "", "");
        let purged = self.rows.purge_keys(now, BATCH, (&self.history, &by)).await?;
        let dropped = self.rows.drop_expired_revocations(now).await?;
        if purged + dropped > 0 {
            tracing::info!(purged, dropped, "swept deleted keys and expired revocations");
        }
        Ok(if purged == BATCH { Next::Again } else { Next::Idle })
    }
}
