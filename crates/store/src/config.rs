//! How a store is opened and kept.
//!
//! Owns the settings and their defaults, those of an engine apart from those of every store: who opens a store names an
//! engine in one place and nothing else of it. Absent on purpose: reading settings from a file (each service's `config.rs`).

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{clock::MonotonicClock, format::Reads};

/// Memory for cached pages: 32 MiB. The engine is known to use a multiple of what it is given,
/// so this stays well below its own default of 1 GiB.
pub const DEFAULT_CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// Longest a commit may hang before the process is ended: 10 s. A sync on a healthy disk takes
/// milliseconds; a restart is safe and takes seconds.
pub const DEFAULT_COMMIT_WATCHDOG: Duration = Duration::from_secs(10);

/// Longest wait for another process to let go of the directory: 30 s, a usual time for an old
/// process to drain and end.
pub const DEFAULT_LOCK_WAIT: Duration = Duration::from_secs(30);

/// Free space below which commits are refused: 64 MiB. A full disk poisons the engine until it
/// is opened anew, so the store stops before that.
pub const DEFAULT_RESERVE_BYTES: u64 = 64 * 1024 * 1024;

/// How long a request id is remembered: 24 h, longer than any client retries by itself.
pub const DEFAULT_IDEMPOTENCY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// A watcher hears something at least this often: 5 s, half of the heartbeat period of 10 s.
pub const DEFAULT_BOOKMARK_PERIOD: Duration = Duration::from_secs(5);

/// How often history is trimmed and expired records are dropped: 30 s.
pub const DEFAULT_UPKEEP_PERIOD: Duration = Duration::from_secs(30);

/// How much history is kept for page tokens, resuming watches and reads of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// A revision older than this is compacted. Default 1 h. Age counts from when the upkeep of the
    /// handle that trims first saw the revision, so a restart prolongs it.
    pub max_age: Duration,
    /// At most so many commits are kept, however young. Default 100,000, which is about 100 MiB
    /// of ordinary records. Each handle counts the commits that it hears of; an engine that cannot
    /// say how many there were before lets a restart prolong this, too.
    pub max_commits: u32,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { max_age: Duration::from_secs(60 * 60), max_commits: 100_000 }
    }
}

/// What is done when a commit hangs for longer than the watchdog allows. The default ends the
/// process at once, because a thread stuck in the disk cannot be ended alone; tests count.
#[derive(Clone)]
pub struct StuckPolicy(Arc<dyn Fn(&str) + Send + Sync>);

impl StuckPolicy {
    /// Ends the process without unwinding (SIGABRT), so that a supervisor starts it anew.
    #[must_use]
    pub fn abort_process() -> StuckPolicy {
        StuckPolicy::call(|_| std::process::abort())
    }

    /// Calls `action` with the reason, once, from the watchdog's thread.
    #[must_use]
    pub fn call(action: impl Fn(&str) + Send + Sync + 'static) -> StuckPolicy {
        StuckPolicy(Arc::new(action))
    }

    pub(crate) fn act(&self, reason: &str) {
        (self.0)(reason);
    }
}

impl std::fmt::Debug for StuckPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StuckPolicy")
    }
}

/// How the embedded engine is opened and kept: what only a store in a directory of its own has.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// The store's own directory; made with mode 0700 if missing. Give it a volume of its own: each commit syncs
    /// the whole file system it is on.
    pub dir: PathBuf,
    /// Memory for cached pages, in bytes. Default [`DEFAULT_CACHE_BYTES`].
    pub cache_bytes: u64,
    /// Longest a commit may hang. Default [`DEFAULT_COMMIT_WATCHDOG`].
    pub commit_watchdog: Duration,
    /// What happens then. Default [`StuckPolicy::abort_process`].
    pub on_stuck: StuckPolicy,
    /// Longest wait for another process to let go. Default [`DEFAULT_LOCK_WAIT`].
    pub lock_wait: Duration,
    /// Free space below which commits are refused, in bytes. Default [`DEFAULT_RESERVE_BYTES`].
    pub reserve_bytes: u64,
}

impl EmbeddedConfig {
    /// The defaults, on this directory.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> EmbeddedConfig {
        EmbeddedConfig {
            dir: dir.into(),
            cache_bytes: DEFAULT_CACHE_BYTES,
            commit_watchdog: DEFAULT_COMMIT_WATCHDOG,
            on_stuck: StuckPolicy::abort_process(),
            lock_wait: DEFAULT_LOCK_WAIT,
            reserve_bytes: DEFAULT_RESERVE_BYTES,
        }
    }
}

/// Where the data is kept, and by what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EngineConfig {
    /// In a directory of this process.
    Embedded(EmbeddedConfig),
}

/// How a store is opened and kept. What stands here holds on every engine.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The engine, with its own settings.
    pub engine: EngineConfig,
    /// Where backups lie while they are sent, so that much room is needed there; made with mode 0700 if missing. It
    /// belongs to this process alone: what a killed one left there is removed on opening. Default: the embedded
    /// engine's own directory.
    pub spool_dir: PathBuf,
    /// Which records this program reads. Default: those of the first format.
    pub reads: Reads,
    /// How much history is kept.
    pub retention: Retention,
    /// How long a request id is remembered. Default [`DEFAULT_IDEMPOTENCY_LIFE`].
    pub idempotency_life: Duration,
    /// Longest silence of a watch. Default [`DEFAULT_BOOKMARK_PERIOD`].
    pub bookmark_period: Duration,
    /// How often upkeep runs. Default [`DEFAULT_UPKEEP_PERIOD`].
    pub upkeep_period: Duration,
    /// The clock by which leases are judged. Default [`MonotonicClock::system`]; tests have one of their own.
    pub monotonic: MonotonicClock,
}

impl StoreConfig {
    /// The defaults on the embedded engine, in this directory.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> StoreConfig {
        StoreConfig::embedded(EmbeddedConfig::new(dir))
    }

    /// The defaults on the embedded engine, opened as it says.
    #[must_use]
    pub fn embedded(engine: EmbeddedConfig) -> StoreConfig {
        StoreConfig {
            spool_dir: engine.dir.clone(),
            engine: EngineConfig::Embedded(engine),
            reads: Reads::default(),
            retention: Retention::default(),
            idempotency_life: DEFAULT_IDEMPOTENCY_LIFE,
            bookmark_period: DEFAULT_BOOKMARK_PERIOD,
            upkeep_period: DEFAULT_UPKEEP_PERIOD,
            monotonic: MonotonicClock::system(),
        }
    }
}
