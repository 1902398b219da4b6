//! How many calls at once.
//!
//! ## Design notes
//! No queue: a call that does not fit is refused at once and told when to come again. A queue in front of a
//! saturated process only turns refusals into deadlines. Probes and reflection (methods that are not ours) are
//! never shed, else a busy process would be restarted for being busy.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    access::MethodRule,
    error::{Failure, Kind},
};

/// Reason of a call that was shed.
pub const OVERLOADED: &str = "OVERLOADED";
/// When a shed call may come again: longer than a group commit, shorter than a person notices.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// How much one process takes on at once, over all its listeners and connections.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Unary calls between request and answer. At 1 ms each, 512 are half a second of work on one core.
    pub calls: usize,
    /// Open streams: one watch for each sibling and one report for each connector, with room for 20,000
    /// connectors.
    pub streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls: 512, streams: 20_480 }
    }
}

/// The seats that are left.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

/// A seat, given back when dropped; `None` inside for methods that need none.
pub(super) type Seat = Option<OwnedSemaphorePermit>;

impl Admission {
    pub(super) fn new(limits: Limits) -> Self {
        let seats = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        Self { calls: seats(limits.calls), streams: seats(limits.streams) }
    }

    /// Takes a seat, or refuses.
    pub(super) fn seat(&self, rule: &MethodRule) -> Result<Seat, Failure> {
        if !rule.ours {
            return Ok(None);
        }
        let seats = if rule.streaming { &self.streams } else { &self.calls };
        seats.clone().try_acquire_owned().map(Some).map_err(|_| overloaded())
    }
}

fn overloaded() -> Failure {
    Failure::new(
        Kind::ResourceExhausted,
        OVERLOADED,
        "the server has as many calls as it can answer in time; nothing was done, so wait for retry_delay and send the call again",
    )
    .retry_after(RETRY_AFTER)
}
