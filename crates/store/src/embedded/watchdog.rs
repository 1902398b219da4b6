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

/// Work is first woken at this age: far more than a commit takes, and far less than callers wait for one (10 s). Then again
/// whenever its age has doubled, for a waking that came before the error sleeps as well; so a minute of a disk that is
/// merely slow costs eight threads.
const FIRST_WAKING: Duration = Duration::from_millis(250);

/// How often work is looked at within its limit, at least.
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

    fn since(&self) -> Option<Instant> {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
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
        let period = FIRST_WAKING.min(self.limit / LOOKS);
        let mut wakings = Wakings { of: None, next: period };
        while let Some(pulse) = self.pulse.upgrade() {
            if let Some(since) = pulse.since() {
                let age = since.elapsed();
                if age > self.limit {
                    return self.bite();
                }
                if wakings.is_due(since, age, period) {
                    (self.wake)();
                }
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

/// When the work in hand is woken next.
struct Wakings {
    /// The beginning of the work that is waited for.
    of: Option<Instant>,
    /// Its age at the next waking.
    next: Duration,
}

impl Wakings {
    /// Whether work that began then is woken at this age; the first time at `first`.
    fn is_due(&mut self, since: Instant, age: Duration, first: Duration) -> bool {
        if self.of.replace(since) != Some(since) {
            self.next = first;
        }
        let due = age >= self.next;
        if due {
            self.next = age * 2;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(40);

    fn watched(
        pulse: &Arc<Pulse>,
        limit: Duration,
        wake: impl Fn() + Send + 'static,
    ) -> (watch::Receiver<StoreHealth>, mpsc::Receiver<String>) {
        let (health, health_rx) = watch::channel(StoreHealth::Serving);
        let (bites, bitten) = mpsc::channel();
        let policy = StuckPolicy::call(move |reason| bites.send(reason.to_owned()).expect("heard"));
        start(pulse, health, limit, wake, policy).expect("a thread");
        (health_rx, bitten)
    }

    #[test]
    fn work_that_hangs_is_woken_and_then_health_is_off_before_the_process_is_ended() {
        let pulse = Arc::new(Pulse::default());
        let (woken, wakings) = mpsc::channel();
        let (health, bitten) = watched(&pulse, LIMIT, move || woken.send(()).expect("heard"));
        pulse.begin();
        wakings.recv_timeout(Duration::from_secs(60)).expect("it wakes");
        let reason = bitten.recv_timeout(Duration::from_secs(60)).expect("it bites");
        assert_eq!(*health.borrow(), StoreHealth::Stuck { reason });
    }

    #[test]
    fn work_is_woken_soon_however_patient_the_limit() {
        let pulse = Arc::new(Pulse::default());
        let (woken, wakings) = mpsc::channel();
        let hours = Duration::from_secs(24 * 3600);
        let wake = move || {
            // Nobody listens any more when the test has heard enough.
            let _ = woken.send(());
        };
        let (health, _bitten) = watched(&pulse, hours, wake);
        pulse.begin();
        wakings.recv_timeout(Duration::from_secs(60)).expect("it wakes");
        assert_eq!(*health.borrow(), StoreHealth::Serving);
    }

    #[test]
    fn work_is_woken_whenever_its_age_has_doubled_and_new_work_from_the_start() {
        let (mut wakings, at_ms) = (Wakings { of: None, next: LIMIT }, Duration::from_millis);
        let since = Instant::now();
        let mut woken = |since, ages: &[u64]| {
            let due = |age: &&u64| wakings.is_due(since, at_ms(**age), at_ms(250));
            ages.iter().filter(due).copied().collect::<Vec<_>>()
        };
        let ages = [1, 249, 250, 400, 499, 500, 900, 1_100, 2_000, 2_199, 2_200, 9_000];
        assert_eq!(woken(since, &ages), [250, 500, 1_100, 2_200, 9_000]);
        assert_eq!(woken(since + at_ms(1), &[100, 300]), [300], "it is not the work of before");
    }

    #[test]
    fn a_writer_that_works_or_rests_is_left_alone() {
        let pulse = Arc::new(Pulse::default());
        let (health, bitten) = watched(&pulse, LIMIT, || ());
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
