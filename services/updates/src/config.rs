//! Settings of updates, and their defaults.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use store::StoreConfig;

/// Where the store lies when nobody says.
const DEFAULT_DATA_DIR: &str = "./.causeway/updates";

/// Memory for the store's cache, in MiB, when nobody says: a few thousand schedules take a tenth of it.
const DEFAULT_CACHE_MIB: u64 = 32;

/// The section `[updates]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Directory of the store; made when it does not exist. Default `./.causeway/updates`.
    pub data_dir: PathBuf,
    /// Memory for the store's cache, in MiB. Default 32.
    pub cache_mib: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { data_dir: DEFAULT_DATA_DIR.into(), cache_mib: DEFAULT_CACHE_MIB }
    }
}

impl Config {
    /// The store's own settings.
    #[must_use]
    pub fn store(&self) -> StoreConfig {
        let cache_bytes = self.cache_mib.saturating_mul(1024 * 1024);
        StoreConfig { cache_bytes, ..StoreConfig::new(&self.data_dir) }
    }
}
