//! Notices a commit that hangs, wakes it, and at last has the process ended.
//!
//! Waking comes first because sled can sleep through an error: where one of its I/O threads finds that the disk failed after
//! the flush has gone to sleep, nobody tells the flush. Another flush finds the error and tells everybody who waits.
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

/// How often work is looked at within its limit; each look but the last that finds the same work wakes it.
const LOOKS: u32 = 8;

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

/// Starts the watchdog's thread; it ends when the writer is gone. `wake` may be called often, and may not wait.
pub(super) fn start(
    pulse: &Arc<Pulse>,
    health: watch::Sender<StoreHealth>,
    limit: Duration,
    wake: impl Fn() + Send + 'static,
    policy: StuckPolicy,
) -> std::io::Result<()> {
    let pulse = Arc::downgrade(pulse);
    let watchdog = Watchdog { pulse, health, limit, wake, policy };
    thread::Builder::new().name("store-watchdog".to_owned()).spawn(move || watchdog.run())?;
    Ok(())
}

struct Watchdog<W> {
    pulse: Weak<Pulse>,
    health: watch::Sender<StoreHealth>,
    limit: Duration,
    wake: W,
    policy: StuckPolicy,
}

impl<W: Fn()> Watchdog<W> {
    fn run(self) {
        let period = self.limit / LOOKS;
        while let Some(pulse) = self.pulse.upgrade() {
            match pulse.busy_for() {
                Some(busy) if busy > self.limit => return self.bite(),
                Some(busy) if busy > period => (self.wake)(),
                _ => {}
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

    fn watched(
        pulse: &Arc<Pulse>,
        wake: impl Fn() + Send + 'static,
    ) -> (watch::Receiver<StoreHealth>, mpsc::Receiver<String>) {
        let (health, health_rx) = watch::channel(StoreHealth::Serving);
        let (bites, bitten) = mpsc::channel();
        let policy = StuckPolicy::call(move |reason| bites.send(reason.to_owned()).expect("heard"));
        start(pulse, health, LIMIT, wake, policy).expect("a thread");
        (health_rx, bitten)
    }

    #[test]
    fn work_that_hangs_is_woken_and_then_health_is_off_before_the_process_is_ended() {
        let pulse = Arc::new(Pulse::default());
        let (woken, wakings) = mpsc::channel();
        let (health, bitten) = watched(&pulse, move || woken.send(()).expect("heard"));
        pulse.begin();
        wakings.recv_timeout(Duration::from_secs(60)).expect("it wakes");
        let reason = bitten.recv_timeout(Duration::from_secs(60)).expect("it bites");
        assert_eq!(*health.borrow(), StoreHealth::Stuck { reason });
    }

    #[test]
    fn a_writer_that_works_or_rests_is_left_alone() {
        let pulse = Arc::new(Pulse::default());
        let (health, bitten) = watched(&pulse, || ());
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
