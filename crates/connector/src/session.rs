//! One report stream, from Welcome to its end.
//!
//! Owns: heartbeats, the probes in flight, batching of their results, and the judgement that a silent stream is dead.
//! Always holds: at most [`MAX_IN_FLIGHT`] probes run at a time; when the network is slow, heartbeats are skipped and
//! old results dropped before memory grows; a stop sends what is known and a goodbye.
//! Absent on purpose: opening streams and coming back (`agent`), the wire (`grpc`), deciding up and down (the
//! control plane).
//!
//! ## Design notes
//! Periods run on the clock that is handed in, so a test can move it; the batching delay and the wait for the last
//! answer run on the machine's timers, because they are about packets and not about the calendar.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures::StreamExt;
use jiff::Timestamp;
use rand::rngs::StdRng;
use runtime::Clock;
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    dial::Dialer,
    link::{Link, Order, Refusal, Report},
    load::LoadMeter,
    probe::{ProbeResult, probe},
    schedule::Schedule,
};

/// Probes that run at a time: 64 unanswered ones at the default pace and timeout do not stop the others.
pub(crate) const MAX_IN_FLIGHT: usize = 128;
/// Results in one report at most (the contract takes 1,000).
const MAX_REPORT: usize = 200;
/// Results kept while the network is slow; older ones are worth less than newer ones.
const MAX_PENDING: usize = 2_000;
/// Results found within this time travel together: far below any probe period, far above a scheduling delay.
const BATCH_DELAY: Duration = Duration::from_millis(20);
/// Heartbeat periods without a message from the control plane after which the stream counts as dead.
const SILENT_PERIODS: u32 = 3;
/// The first answer must come within this time.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stop waits for the goodbye to leave.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);
/// Shortest heartbeat period that is accepted.
const MIN_HEARTBEAT: Duration = Duration::from_millis(100);

/// How a session ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The agent was stopped, and a Goodbye was sent.
    Stopped,
    /// The certificate is new: open the next stream with it at once.
    Renewed,
    /// The control plane ended the stream with a Farewell.
    Farewell {
        /// One word.
        reason: String,
        /// How long to wait.
        retry_after: Duration,
    },
    /// The stream failed.
    Lost(Refusal),
}

/// What may end a session from this side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// Stop for good.
    pub stop: CancellationToken,
    /// The certificate was renewed.
    pub renewed: CancellationToken,
}

/// A running session.
pub(crate) struct Session<D> {
    link: Link,
    dialer: Arc<D>,
    clock: Clock,
    rng: StdRng,
    load: LoadMeter,
    schedule: Schedule,
    in_flight: JoinSet<ProbeResult>,
    pending: VecDeque<ProbeResult>,
    sequence: i64,
    heartbeat_period: Duration,
}

impl<D: Dialer> Session<D> {
    /// A session on an open stream.
    pub(crate) fn new(
        link: Link,
        dialer: Arc<D>,
        clock: Clock,
        rng: StdRng,
        load: LoadMeter,
    ) -> Self {
        Self {
            link,
            dialer,
            clock,
            rng,
            load,
            schedule: Schedule::default(),
            in_flight: JoinSet::new(),
            pending: VecDeque::new(),
            sequence: 0,
            heartbeat_period: Duration::from_secs(10),
        }
    }

    /// Runs until the stream ends, or until a signal. `welcomed` is called when the control plane has answered.
    pub(crate) async fn run(mut self, signals: &Signals, welcomed: impl FnOnce()) -> End {
        let welcome = tokio::time::timeout(WELCOME_TIMEOUT, self.link.orders.next());
        let first = tokio::select! {
            first = welcome => first.unwrap_or_else(|_| Some(Err(silent("Hello")))),
            () = signals.stop.cancelled() => return self.say_goodbye().await,
        };
        if let Some(end) = self.obey(first) {
            return end;
        }
        welcomed();
        self.heartbeat();
        self.serve(signals).await
    }

    async fn serve(&mut self, signals: &Signals) -> End {
        let clock = self.clock.clone();
        let mut heartbeat = Box::pin(clock.sleep(self.heartbeat_period));
        let mut silence = Box::pin(clock.sleep(self.heartbeat_period * SILENT_PERIODS));
        let mut flush_at = None;
        loop {
            let now = self.clock.now();
            self.start_probes(now);
            let next_probe = self.next_probe();
            tokio::select! {
                order = self.link.orders.next() => {
                    silence = Box::pin(clock.sleep(self.heartbeat_period * SILENT_PERIODS));
                    if let Some(end) = self.obey(order) {
                        return end;
                    }
                }
                Some(result) = self.in_flight.join_next() => {
                    self.note(result);
                    flush_at.get_or_insert_with(|| Instant::now() + BATCH_DELAY);
                }
                () = maybe_until(flush_at) => {
                    flush_at = self.flush();
                }
                () = &mut heartbeat => {
                    self.heartbeat();
                    heartbeat = Box::pin(clock.sleep(self.heartbeat_period));
                }
                () = sleep_until(&clock, next_probe) => {}
                () = &mut silence => return End::Lost(silent("heartbeats")),
                () = signals.stop.cancelled() => return self.say_goodbye().await,
                () = signals.renewed.cancelled() => {
                    self.flush();
                    return End::Renewed;
                }
            }
        }
    }

    /// Carries out an order; `Some` if the stream is over.
    fn obey(&mut self, order: Option<Result<Order, Refusal>>) -> Option<End> {
        match order {
            None => return Some(End::Lost(closed())),
            Some(Err(refusal)) => return Some(End::Lost(refusal)),
            Some(Ok(Order::Farewell { reason, retry_after })) => {
                return Some(End::Farewell { reason, retry_after });
            }
            Some(Ok(Order::Welcome { heartbeat_period, probes_per_second })) => {
                self.heartbeat_period = heartbeat_period.max(MIN_HEARTBEAT);
                self.schedule.set_pace(probes_per_second);
            }
            Some(Ok(Order::Assign(targets))) => {
                tracing::debug!(targets = targets.len(), "new probe assignment");
                self.schedule.replace(targets, self.clock.now());
            }
            Some(Ok(Order::Drain { reason })) => tracing::info!(reason, "told to drain"),
            Some(Ok(Order::HeartbeatAck | Order::Unknown)) => {}
        }
        None
    }

    fn start_probes(&mut self, now: Timestamp) {
        while self.in_flight.len() < MAX_IN_FLIGHT {
            let Some(target) = self.schedule.take(now) else { return };
            let dialer = self.dialer.clone();
            self.in_flight.spawn(async move { probe(&*dialer, &target, now).await });
        }
    }

    /// When to look for the next probe; `None` while all places are taken: the next result then wakes the loop.
    fn next_probe(&self) -> Option<Timestamp> {
        if self.in_flight.len() < MAX_IN_FLIGHT { self.schedule.next_due() } else { None }
    }

    fn note(&mut self, joined: Result<ProbeResult, tokio::task::JoinError>) {
        match joined {
            Ok(result) => {
                let ok = result.outcome.is_ok();
                self.schedule.probed(&result.target_id, ok, result.started, &mut self.rng);
                if self.pending.len() >= MAX_PENDING {
                    self.pending.pop_front();
                }
                self.pending.push_back(result);
            }
            // The target stays marked as in flight and is not probed again on this stream; the next stream starts
            // with a fresh schedule.
            Err(error) => tracing::error!(%error, "a probe panicked"),
        }
    }

    /// Sends what is pending; if the queue is full, returns when to try again.
    fn flush(&mut self) -> Option<Instant> {
        while !self.pending.is_empty() {
            let count = self.pending.len().min(MAX_REPORT);
            let batch: Vec<_> = self.pending.drain(..count).collect();
            if let Err(full) = self.link.reports.try_send(Report::Probes(batch)) {
                if let Report::Probes(batch) = full.into_inner() {
                    batch.into_iter().rev().for_each(|result| self.pending.push_front(result));
                }
                return Some(Instant::now() + BATCH_DELAY);
            }
        }
        None
    }

    fn heartbeat(&mut self) {
        self.sequence += 1;
        let report = Report::Heartbeat { sequence: self.sequence, load: self.load.read() };
        if self.link.reports.try_send(report).is_err() {
            tracing::debug!("the report queue is full: one heartbeat is skipped");
        }
    }

    async fn say_goodbye(&mut self) -> End {
        self.flush();
        let _ = self.link.reports.try_send(Report::Goodbye { reason: "SHUTDOWN" });
        self.link.reports.close_channel();
        let drained = async { while let Some(Ok(_)) = self.link.orders.next().await {} };
        let _ = tokio::time::timeout(GOODBYE_TIMEOUT, drained).await;
        End::Stopped
    }
}

async fn maybe_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(clock: &Clock, at: Option<Timestamp>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn silent(to_what: &str) -> Refusal {
    Refusal {
        reason: "NO_ANSWER".into(),
        message: format!("the control plane does not answer {to_what}"),
        retry_after: None,
        transient: true,
    }
}

fn closed() -> Refusal {
    Refusal {
        reason: "STREAM_CLOSED".into(),
        message: "the control plane closed the report stream".into(),
        retry_after: None,
        transient: true,
    }
}

#[cfg(test)]
mod tests;
