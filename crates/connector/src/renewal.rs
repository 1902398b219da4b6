//! Renewing the leaf from two thirds of its lifetime on.
//!
//! Owns: when to ask, how to ask again, and putting the new leaf to use. Always holds: it is on disk before it is presented
//! to a server; an outage delays a renewal and never ends it.
//! Absent on purpose: a leaf that has ended; today its connector needs a join token again.
//!
//! ## Design notes
//! Renewal runs beside the sessions and not between them, because a healthy session lasts for months. A renewed leaf
//! ends the session without a goodbye, and the next stream opens at once: the control plane sees a newer stream
//! of the same connector, never a disconnected one.

use std::time::Duration;

use jiff::SignedDuration;
use rand::{Rng, rngs::StdRng};
use runtime::Clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff, enrolled::Enrolled, error::AgentError, grpc, identity::Identity,
    progress::Progress,
};

/// Between two attempts to renew at most: of 56 hours, many attempts are left.
const RENEW_CEILING: Duration = Duration::from_secs(600);
/// First wait after a failed renewal.
const RENEW_FIRST: Duration = Duration::from_secs(5);
/// The longest sleep before the calendar is looked at again, for clocks that are set and hosts that are suspended.
const CALENDAR_LOOK: Duration = Duration::from_secs(3_600);
/// Renewals are spread over this share of a leaf's life, for connectors that enrolled together.
const RENEW_SPREAD: f64 = 0.05;

/// The renewal of the leaf, beside the sessions.
pub(crate) struct Renewal {
    clock: Clock,
    rng: StdRng,
    progress: watch::Sender<Progress>,
}

impl Renewal {
    pub(crate) fn new(clock: Clock, rng: StdRng, progress: watch::Sender<Progress>) -> Self {
        Self { clock, rng, progress }
    }

    /// Returns only when renewing is refused for good.
    pub(crate) async fn run(mut self, mut identity: Identity, me: &Enrolled<'_>) -> AgentError {
        let backoff = Backoff::new(RENEW_FIRST, RENEW_CEILING);
        let mut waits = backoff.waits();
        loop {
            self.wait_until_due(&identity).await;
            match self.renew(&mut identity, me).await {
                Ok(()) => {
                    waits = backoff.waits();
                    self.progress.send_modify(|progress| progress.renewals += 1);
                    me.renewed.send_replace(CancellationToken::new()).cancel();
                }
                Err(AgentError::Refused(refusal)) if !refusal.refuses_identity() => {
                    tracing::warn!(%refusal, "renewal failed; trying again");
                    let asked = refusal.retry_after.unwrap_or_default();
                    self.clock.sleep(asked + waits.next(&mut self.rng)).await;
                }
                Err(error) => return error,
            }
        }
    }

    async fn wait_until_due(&mut self, identity: &Identity) {
        let due = identity.renew_at(self.rng.random_range(0.0..RENEW_SPREAD));
        loop {
            let left = due.duration_since(self.clock.now());
            if left <= SignedDuration::ZERO {
                return;
            }
            self.clock.sleep(Duration::try_from(left).unwrap_or_default().min(CALENDAR_LOOK)).await;
        }
    }

    async fn renew(&self, identity: &mut Identity, me: &Enrolled<'_>) -> Result<(), AgentError> {
        let csr = me.key.certificate_request()?;
        let channel = grpc::channel(&identity.provisioning_endpoint, me.tls.clone())
            .map_err(AgentError::Refused)?;
        let renewed = grpc::renew(channel, &csr, self.clock.now()).await;
        let fresh =
            Identity { certificates: renewed.map_err(AgentError::Refused)?, ..identity.clone() };
        me.state.keep(&fresh)?;
        me.trust.set_system(fresh.system_roots())?;
        me.tls_identity.replace(&fresh.chain_pem(), me.key_pem)?;
        tracing::info!(until = %fresh.certificates.not_after, "certificate renewed");
        *identity = fresh;
        Ok(())
    }
}
