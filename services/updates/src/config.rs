//! Settings of updates, and their defaults.

use std::{path::PathBuf, time::Duration};

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};
use store::{EmbeddedConfig, Retention, StoreConfig};

/// Where the store lies when nobody says.
const DEFAULT_DATA_DIR: &str = "./.causeway/updates";

/// Memory for the store's cache, in MiB, when nobody says: a few thousand schedules take a tenth of it.
const DEFAULT_CACHE_MIB: u64 = 32;

/// Longest commit when nobody says, for a volume that others write to as well.
const DEFAULT_COMMIT_WATCHDOG: Duration = Duration::from_secs(60);

/// The section `[updates]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Directory of the store; made when it does not exist. Default `./.causeway/updates`.
    pub data_dir: PathBuf,
    /// Memory for the store's cache, in MiB. Default 32.
    pub cache_mib: u64,
    /// How long history is kept. Default 1 h.
    #[serde(with = "friendly")]
    pub retention_age: Duration,
    /// How many commits of history are kept at most. Default 100,000.
    pub retention_commits: u32,
    /// Longest a commit may hang on the disk before the process ends itself. Default 60 s: on a volume shared with
    /// other writers a sync can take long; 10 s is right for a volume of its own.
    #[serde(with = "friendly")]
    pub commit_watchdog: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let retention = Retention::default();
        Self {
            data_dir: DEFAULT_DATA_DIR.into(),
            cache_mib: DEFAULT_CACHE_MIB,
            retention_age: retention.max_age,
            retention_commits: retention.max_commits,
            commit_watchdog: DEFAULT_COMMIT_WATCHDOG,
        }
    }
}

impl Config {
    /// The store's own settings.
    #[must_use]
    pub fn store(&self) -> StoreConfig {
        let engine = EmbeddedConfig {
            cache_bytes: self.cache_mib.saturating_mul(1024 * 1024),
            commit_watchdog: self.commit_watchdog,
            ..EmbeddedConfig::new(&self.data_dir)
        };
        let retention =
            Retention { max_age: self.retention_age, max_commits: self.retention_commits };
        StoreConfig { retention, ..StoreConfig::embedded(engine) }
    }
}
