//! Background work as idempotent ticks.
//!
//! Owns: the [`Worker`] contract and the loop that drives one: by timer, by signal, on the process's clock.
//! Always holds: at most one tick of a worker runs at a time, and none begins while it is another process's turn; a tick that errs or panics is logged, counted
//! and tried again at the next; a stop lets the running tick end.
//! Absent on purpose: input. A tick reads what is to be done from the store; a signal means only "look now",
//! so that a lost signal costs a period and nothing else.
//!
//! ## Design notes
//! The driver never drops a tick half way: ticks are short and bounded, and one that is cut between two
//! commits is the harder thing to reason about, though it must survive that too (a crash does it).

use std::{fmt::Display, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{clock::Clock, metrics::Registry, tasks::Tasks, tasks::panic_message};

/// When a worker wants its next tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing left to do: after the period, or at the next signal.
    Idle,
    /// More is waiting: at once.
    Again,
    /// At this time, if it comes before the period ends.
    At(Timestamp),
}

/// Work that is repeated for as long as the process runs.
pub trait Worker: Send + 'static {
    /// Name in logs and metrics, in `kebab-case`.
    const NAME: &'static str;
    /// Why a tick failed; it is logged once per failure.
    type Error: Display;

    /// Does what is to be done at `now`; doing it twice must equal doing it once.
    ///
    /// # Errors
    /// What prevented the work; the retry is the next tick.
    fn tick(&mut self, now: Timestamp) -> impl Future<Output = Result<Next, Self::Error>> + Send;
}

/// Asks a worker to look now. Several signals before a tick count as one.
#[derive(Clone, Debug, Default)]
pub struct Signal(Arc<Notify>);

impl Signal {
    /// A signal that has not been given yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the worker, or makes its next wait return at once.
    pub fn notify(&self) {
        self.0.notify_one();
    }

    /// Waits for the next [`Signal::notify`].
    pub async fn notified(&self) {
        self.0.notified().await;
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TickLabels {
    worker: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WorkerLabels {
    worker: &'static str,
}

/// Whether the work of this process is its own to do now: where several processes share a store, one of them does what needs
/// doing once.
#[derive(Clone, Debug)]
pub struct Turn(watch::Receiver<bool>);

impl Turn {
    /// As somebody says who knows; when nobody says any more, the last word counts.
    #[must_use]
    pub fn told(told: watch::Receiver<bool>) -> Self {
        Self(told)
    }

    /// Always: nobody else could do the work.
    #[must_use]
    pub fn always() -> Self {
        Self(watch::channel(true).1)
    }

    /// Returns when it is this process's turn.
    async fn come(&mut self) {
        if self.0.wait_for(|is_ours| *is_ours).await.is_err() {
            std::future::pending().await
        }
    }
}

/// Starts workers and counts their ticks.
#[derive(Clone, Debug)]
pub struct Workers {
    tasks: Tasks,
    clock: Clock,
    stop: CancellationToken,
    turn: Turn,
    ticks: Family<TickLabels, Counter>,
    last_success: Family<WorkerLabels, Gauge>,
}

impl Workers {
    /// Workers that run until `stop`; registers `worker_ticks` and `worker_last_success_seconds`.
    #[must_use]
    pub fn new(tasks: Tasks, clock: Clock, stop: CancellationToken, metrics: &Registry) -> Self {
        let workers = Self {
            tasks,
            clock,
            stop,
            turn: Turn::always(),
            ticks: Family::default(),
            last_success: Family::default(),
        };
        metrics.register(|registry| {
            let help = "Ticks of background workers by outcome: ok, error, panic";
            registry.register("worker_ticks", help, workers.ticks.clone());
            let help = "Unix time of a worker's last tick without an error, in seconds";
            registry.register("worker_last_success_seconds", help, workers.last_success.clone());
        });
        workers
    }

    /// Workers that tick only while it is this process's turn.
    #[must_use]
    pub fn in_turn(&self, turn: Turn) -> Self {
        Self { turn, ..self.clone() }
    }

    /// Starts `worker`: a tick at once, then one per `period` and per signal.
    pub fn spawn<W: Worker>(&self, worker: W, period: Duration, signal: Signal) {
        let driver = self.clone();
        self.tasks.spawn(W::NAME, async move { driver.drive(worker, period, signal).await });
    }

    async fn drive<W: Worker>(&self, mut worker: W, period: Duration, signal: Signal) {
        let mut turn = self.turn.clone();
        while !self.stop.is_cancelled() {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = turn.come() => {}
            }
            let now = self.clock.now();
            let wait_until = match self.tick(&mut worker, now).await {
                Next::Again => {
                    tokio::task::yield_now().await;
                    continue;
                }
                Next::Idle => crate::clock::later(now, period),
                Next::At(time) => time.min(crate::clock::later(now, period)),
            };
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = signal.notified() => {}
                () = self.clock.sleep_until(wait_until) => {}
            }
        }
    }

    /// One tick; whatever goes wrong in it is logged here, and the result is then [`Next::Idle`].
    async fn tick<W: Worker>(&self, worker: &mut W, now: Timestamp) -> Next {
        let end = AssertUnwindSafe(worker.tick(now)).catch_unwind().await;
        let (outcome, next) = match end {
            Ok(Ok(next)) => {
                let labels = WorkerLabels { worker: W::NAME };
                self.last_success.get_or_create(&labels).set(now.as_second());
                ("ok", next)
            }
            Ok(Err(error)) => {
                tracing::warn!(worker = W::NAME, %error, "a tick failed; the next one retries");
                ("error", Next::Idle)
            }
            Err(panic) => {
                self.tasks.count_panic(W::NAME);
                let problem = panic_message(panic.as_ref());
                tracing::error!(worker = W::NAME, problem, "a tick panicked; the next one retries");
                ("panic", Next::Idle)
            }
        };
        self.ticks.get_or_create(&TickLabels { worker: W::NAME, outcome }).inc();
        next
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    struct Script {
        steps: Vec<fn() -> Result<Next, &'static str>>,
        ticked: mpsc::UnboundedSender<Timestamp>,
    }

    impl Worker for Script {
        const NAME: &'static str = "script";
        type Error = &'static str;

        async fn tick(&mut self, now: Timestamp) -> Result<Next, &'static str> {
            self.ticked.send(now).unwrap();
            if self.steps.is_empty() { Ok(Next::Idle) } else { self.steps.remove(0)() }
        }
    }

    struct Bench {
        hand: crate::clock::ManualClock,
        ticked: mpsc::UnboundedReceiver<Timestamp>,
        signal: Signal,
        stop: CancellationToken,
        tasks: Tasks,
        metrics: Registry,
    }

    fn bench(steps: Vec<fn() -> Result<Next, &'static str>>) -> Bench {
        bench_in(Turn::always(), steps)
    }

    fn bench_in(turn: Turn, steps: Vec<fn() -> Result<Next, &'static str>>) -> Bench {
        let metrics = Registry::new();
        let tasks = Tasks::new(&metrics);
        let (clock, hand) = Clock::manual(Timestamp::UNIX_EPOCH);
        let stop = CancellationToken::new();
        let workers = Workers::new(tasks.clone(), clock, stop.clone(), &metrics).in_turn(turn);
        let (sender, ticked) = mpsc::unbounded_channel();
        let signal = Signal::new();
        workers.spawn(Script { steps, ticked: sender }, Duration::from_secs(60), signal.clone());
        Bench { hand, ticked, signal, stop, tasks, metrics }
    }

    #[tokio::test]
    async fn a_worker_ticks_at_start_by_period_and_by_signal_until_it_is_stopped() {
        let mut bench = bench(vec![]);
        assert_eq!(bench.ticked.recv().await.unwrap().as_second(), 0);
        bench.hand.advance(Duration::from_secs(60));
        assert_eq!(bench.ticked.recv().await.unwrap().as_second(), 60);
        bench.hand.advance(Duration::from_secs(1));
        bench.signal.notify();
        assert_eq!(bench.ticked.recv().await.unwrap().as_second(), 61);
        bench.stop.cancel();
        bench.tasks.ended().await;
        assert!(bench.ticked.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_worker_rests_until_it_is_its_processes_turn_and_when_it_is_no_longer() {
        let (telling, told) = watch::channel(false);
        let mut bench = bench_in(Turn::told(told), vec![|| Ok(Next::Again)]);
        let starting = bench.ticked.recv();
        assert!(starting.now_or_never().is_none());
        telling.send(true).unwrap();
        for _ in 0..2 {
            bench.ticked.recv().await.unwrap();
        }
        telling.send(false).unwrap();
        bench.hand.advance(Duration::from_secs(60));
        bench.signal.notify();
        tokio::task::yield_now().await;
        assert!(bench.ticked.try_recv().is_err(), "another process does it now");
        telling.send(true).unwrap();
        assert_eq!(bench.ticked.recv().await.unwrap().as_second(), 60);
        // Nobody says anything any more.
        drop(telling);
        bench.signal.notify();
        bench.ticked.recv().await.unwrap();
        bench.stop.cancel();
        bench.tasks.ended().await;
    }

    #[tokio::test]
    async fn an_error_or_a_panic_is_counted_and_the_next_tick_retries() {
        let mut bench = bench(vec![|| Err("no luck"), || panic!("worse"), || Ok(Next::Again)]);
        for _ in 0..2 {
            bench.ticked.recv().await.unwrap();
            bench.signal.notify();
        }
        for _ in 0..2 {
            bench.ticked.recv().await.unwrap();
        }
        bench.stop.cancel();
        bench.tasks.ended().await;
        let text = bench.metrics.encode();
        for line in [
            r#"causeway_worker_ticks_total{worker="script",outcome="error"} 1"#,
            r#"causeway_worker_ticks_total{worker="script",outcome="panic"} 1"#,
            r#"causeway_worker_ticks_total{worker="script",outcome="ok"} 2"#,
            r#"causeway_task_panics_total{task="script"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[tokio::test]
    async fn a_worker_may_ask_for_an_earlier_time_than_its_period() {
        let at = || Ok(Next::At(Timestamp::from_second(5).unwrap()));
        let mut bench = bench(vec![at]);
        bench.ticked.recv().await.unwrap();
        bench.hand.advance(Duration::from_secs(5));
        assert_eq!(bench.ticked.recv().await.unwrap().as_second(), 5);
    }
}
