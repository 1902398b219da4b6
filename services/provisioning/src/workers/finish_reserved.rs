//! Finishes what a crash, a lost answer or a departed caller left RESERVED.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use runtime::worker::{Next, Worker};

use crate::{domain::refusal::Refusal, error::Error, metrics::Metrics, service::finish::Finisher};

/// How often to look: a use that hangs after registry came back is settled within this.
pub(crate) const PERIOD: Duration = Duration::from_secs(5);
/// How long an enrolment is left to the call that began it: beyond the deadline of a call.
const GRACE: SignedDuration = SignedDuration::from_secs(15);
/// Most enrolments of one tick, so that a tick stays short.
const BATCH: usize = 100;

/// The worker.
pub(crate) struct FinishReserved {
    pub(crate) finisher: Finisher,
    pub(crate) metrics: Metrics,
}

impl Worker for FinishReserved {
    const NAME: &'static str = "finish-reserved-enrolments";
    type Error = Error;

    async fn tick(&mut self, now: Timestamp) -> Result<Next, Error> {
        let reserved = self.finisher.rows.reserved(BATCH).await?;
        self.metrics.reserved(reserved.len());
        self.metrics.lost_races(resource::tries::lost_races());
        let full = reserved.len() == BATCH;
        let mut settled = 0;
        for enrolment in reserved {
            if now.duration_since(enrolment.value.create_time) < GRACE {
                break;
            }
            let name = enrolment.value.name.clone();
            match self.finisher.finish(enrolment, None, now).await {
                Ok(_) => {
                    settled += 1;
                    tracing::info!(enrolment = %name, "finished an enrolment that was left behind");
                }
                // Registry is away: the others would hear the same.
                Err(Error::Refused(Refusal::RegistryUnavailable)) => return Ok(Next::Idle),
                Err(Error::Refused(refusal)) => {
                    settled += 1;
                    let reason = refusal.reason().word();
                    tracing::info!(enrolment = %name, reason, "gave up an enrolment that was left behind");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(if full && settled > 0 { Next::Again } else { Next::Idle })
    }
}
