//! How many calls are served at one time.
//!
//! ## Design notes
//! No queue: a call that does not fit is refused at once, with the time after which to repeat it. A queue in front of a
//! saturated process only turns refusals into deadlines. Probes and reflection (methods that are not ours) are
//! never shed, else a busy process would be restarted because it is busy.
//!
//! But the runtime has a queue. When its threads are busy, calls wait as tasks that nobody has polled, and connections wait
//! among them, so that requests are read late and even refusals are sent late. Hence:
//! - a seat is taken when a call arrives, not when its handler begins;
//! - beginning needs a turn, one a core. A handler that waits gives it back; one that is done, in a process that is behind,
//!   keeps it until the runtime has polled its other tasks: the next calls wait here, and sockets are served between two of them;
//! - a call that has spent half of its time before its turn is refused: its answer would come too late for its caller.

use names::Reason;
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::{
    access::MethodRule,
    deadline::Deadline,
    error::{Failure, Kind},
};

/// When a shed call may be repeated: longer than a group commit, shorter than a person notices.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// A wait for a turn that shows a queue: above what a busy process has of short calls.
const BEHIND: Duration = Duration::from_millis(10);

/// How much one process takes on at once, over all its listeners and connections.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Unary calls between request and answer, waiting ones among them. At 1 ms each, 512 are half a second of
    /// work on one core.
    pub calls: NonZeroUsize,
    /// Open streams: one watch for each sibling and one report for each connector, with room for 20,000
    /// connectors.
    pub streams: usize,
    /// Calls that begin at one time: those whose handler has not yet waited for anything. One a core.
    pub turns: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let turns = std::thread::available_parallelism().map_or(1, usize::from);
        let calls = const { NonZeroUsize::new(512).unwrap() };
        Self { calls, streams: 20_480, turns }
    }
}

/// The seats (calls being served) and turns (calls that begin) that are left.
#[derive(Debug)]
pub(super) struct Admission {
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// A seat, given back when dropped; `None` for methods that need none.
pub(super) type Seat = Option<OwnedSemaphorePermit>;

impl Admission {
    pub(super) fn new(limits: Limits) -> Self {
        let seats = |count: usize| Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
        let Limits { calls, streams, turns } = limits;
        Self { calls: seats(calls.get()), streams: seats(streams), turns: seats(turns.max(1)) }
    }

    /// A call has come, and takes a seat if there is one.
    pub(super) fn arrival(&self, rule: Option<Arc<MethodRule>>) -> Arrival {
        let seat = rule.as_deref().map_or(Ok(None), |rule| self.seat(rule));
        Arrival { rule, at: Instant::now(), seat, turns: self.turns.clone() }
    }

    fn seat(&self, rule: &MethodRule) -> Result<Seat, Failure> {
        if !rule.ours {
            return Ok(None);
        }
        let seats = if rule.streaming { &self.streams } else { &self.calls };
        seats.clone().try_acquire_owned().map(Some).map_err(|_| overloaded())
    }
}

/// A call, from its arrival to its turn.
#[derive(Debug)]
pub(super) struct Arrival {
    /// What the contract states about its method.
    pub(super) rule: Option<Arc<MethodRule>>,
    /// When the server had its head.
    pub(super) at: Instant,
    seat: Result<Seat, Failure>,
    turns: Arc<Semaphore>,
}

impl Arrival {
    /// Waits for its turn: the seat and the turn, unless there was no seat, or the turn comes too late.
    pub(super) async fn turn(self, deadline: Option<Deadline>) -> Result<(Seat, Turn), Failure> {
        let seat = self.seat?;
        if seat.is_none() {
            return Ok((seat, Turn::default()));
        }
        // The semaphore is never closed.
        let permit = self.turns.acquire_owned().await.ok();
        let waited = self.at.elapsed();
        if deadline.is_some_and(|deadline| waited > deadline.remaining()) {
            return Err(overloaded());
        }
        Ok((seat, Turn { permit, behind: waited > BEHIND }))
    }
}

/// The right to begin.
#[derive(Debug, Default)]
pub(super) struct Turn {
    permit: Option<OwnedSemaphorePermit>,
    behind: bool,
}

impl Turn {
    /// The handler waits for something: the next one may begin.
    pub(super) fn pause(&mut self) {
        self.permit = None;
    }

    /// The handler is done. If others wait, the runtime serves its sockets before the next one begins.
    pub(super) async fn end(self) {
        if self.behind && self.permit.is_some() {
            tokio::task::yield_now().await;
        }
    }
}

fn overloaded() -> Failure {
    Failure::new(
        Kind::ResourceExhausted,
        Reason::Overloaded,
        "the server has as many calls as it can answer in time; nothing was done, so wait for retry_delay and send the call again",
    )
    .retry_after(RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(calls: usize) -> Admission {
        let calls = NonZeroUsize::new(calls).unwrap();
        Admission::new(Limits { calls, streams: 1, turns: 1 })
    }

    fn rule() -> Option<Arc<MethodRule>> {
        Some(Arc::new(MethodRule::example()))
    }

    #[tokio::test]
    async fn a_call_has_its_seat_from_its_arrival_on() {
        let admission = admission(1);
        let (first, second) = (admission.arrival(rule()), admission.arrival(rule()));
        assert_eq!(second.turn(None).await.unwrap_err().reason(), Reason::Overloaded);
        drop(first);
        assert!(admission.arrival(rule()).turn(None).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_comes_after_half_of_the_time_comes_too_late() {
        let admission = admission(8);
        let (_seat, busy) = admission.arrival(rule()).turn(None).await.unwrap();
        let (hasty, patient) = (admission.arrival(rule()), admission.arrival(rule()));
        let deadlines = [3, 5].map(|seconds| Some(Deadline::after(Duration::from_secs(seconds))));
        tokio::time::advance(Duration::from_secs(2)).await;
        busy.end().await;
        let hasty = hasty.turn(deadlines[0]).await;
        let patient = patient.turn(deadlines[1]).await;
        assert_eq!(hasty.unwrap_err().reason(), Reason::Overloaded);
        assert!(patient.is_ok());
    }

    #[tokio::test]
    async fn a_handler_that_waits_lets_the_next_one_begin() {
        let admission = admission(8);
        let (_seat, mut turn) = admission.arrival(rule()).turn(None).await.unwrap();
        let next = admission.arrival(rule());
        let mut next = Box::pin(next.turn(None));
        assert!(futures::poll!(&mut next).is_pending());
        turn.pause();
        assert!(next.await.is_ok());
    }
}
