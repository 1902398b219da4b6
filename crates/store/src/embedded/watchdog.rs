//! Notices a commit that hangs and has the process ended.
//!
//! A thread that waits for a disk which never answers can be neither stopped nor joined, so the
//! only way out is the process's end; a restart is safe. The clock here is the machine's own: the
//! point is to notice real time passing when everything else stands still.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{config::StuckPolicy, health::StoreHealth};

/// When the work in hand began; shared between the writer and the watchdog.
#[derive(Default)]
pub(super) struct Pulse {
    since: Mutex<Option<Instant>>,
}

impl Pulse {
    /// Work begins.
    pub(super) fn begin(&self) {
        self.set(Some(Instant::now()));
    }

    /// Work ended, well or badly.
    pub(super) fn end(&self) {
        self.set(None);
    }

    fn set(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn busy_for(&self) -> Option<Duration> {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map(|since| since.elapsed())
    }
}

/// Starts the watchdog's thread; it ends when the writer is gone.
pub(super) fn start(
    pulse: &Arc<Pulse>,
    health: watch::Sender<StoreHealth>,
    limit: Duration,
    policy: StuckPolicy,
) -> std::io::Result<()> {
    let pulse = Arc::downgrade(pulse);
    let watchdog = Watchdog { pulse, health, limit, policy };
    thread::Builder::new().name("store-watchdog".to_owned()).spawn(move || watchdog.run())?;
    Ok(())
}

struct Watchdog {
    pulse: Weak<Pulse>,
    health: watch::Sender<StoreHealth>,
    limit: Duration,
    policy: StuckPolicy,
}

impl Watchdog {
    fn run(self) {
        // A quarter of the limit: a hang is noticed at most a quarter late.
        let period = self.limit / 4;
        while let Some(pulse) = self.pulse.upgrade() {
            if pulse.busy_for().is_some_and(|busy| busy > self.limit) {
                return self.bite();
            }
            drop(pulse);
            thread::sleep(period);
        }
    }

    fn bite(&self) {
        let reason = format!("a commit hangs for more than {:?}; the disk may be dead", self.limit);
        tracing::error!(reason, "the store is stuck");
        self.health.send_replace(StoreHealth::Stuck { reason: reason.clone() });
        self.policy.act(&reason);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(40);

    fn watched(pulse: &Arc<Pulse>) -> (watch::Receiver<StoreHealth>, mpsc::Receiver<String>) {
        let (health, health_rx) = watch::channel(StoreHealth::Serving);
        let (bites, bitten) = mpsc::channel();
        let policy = StuckPolicy::call(move |reason| bites.send(reason.to_owned()).expect("heard"));
        start(pulse, health, LIMIT, policy).expect("a thread");
        (health_rx, bitten)
    }

    #[test]
    fn work_that_hangs_turns_health_off_before_the_process_is_ended() {
        let pulse = Arc::new(Pulse::default());
        let (health, bitten) = watched(&pulse);
        pulse.begin();
        let reason = bitten.recv_timeout(Duration::from_secs(60)).expect("it bites");
        assert_eq!(*health.borrow(), StoreHealth::Stuck { reason });
    }

    #[test]
    fn a_writer_that_works_or_rests_is_left_alone() {
        let pulse = Arc::new(Pulse::default());
        let (health, bitten) = watched(&pulse);
        let begun = Instant::now();
        while begun.elapsed() < LIMIT * 5 {
            pulse.begin();
            thread::yield_now();
            pulse.end();
        }
        drop(pulse);
        // The watchdog ends with the writer, and its policy with it, unused.
        assert_eq!(
            bitten.recv_timeout(Duration::from_secs(60)),
            Err(mpsc::RecvTimeoutError::Disconnected)
        );
        assert_eq!(*health.borrow(), StoreHealth::Serving);
    }
}
