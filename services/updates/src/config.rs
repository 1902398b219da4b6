//! Settings of updates, and their defaults.

use resource::{
    history::HistoryLimits,
    settings::{SettingsError, StoreSettings},
};
use serde::{Deserialize, Serialize};
use store::{EngineConfig, StoreConfig};

/// Memory for the store's cache, in MiB, when nobody says: a few thousand schedules take a tenth of it.
const DEFAULT_CACHE_MIB: u64 = 32;

/// The section `[updates]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The store's.
    #[serde(flatten)]
    pub store: StoreSettings,
    /// Memory for the store's cache, in MiB. Default 32.
    pub cache_mib: u64,
    /// How much history is kept.
    #[serde(flatten)]
    pub history: HistoryLimits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: StoreSettings::of("updates"),
            cache_mib: DEFAULT_CACHE_MIB,
            history: HistoryLimits::default(),
        }
    }
}

impl Config {
    /// How the store is opened.
    ///
    /// # Errors
    /// A setting of the store is out of its range.
    pub fn store(&self) -> Result<StoreConfig, SettingsError> {
        let mut config = self.store.store("updates")?;
        if let EngineConfig::Embedded(engine) = &mut config.engine {
            engine.cache_bytes = self.cache_mib.saturating_mul(1024 * 1024);
        }
        Ok(config)
    }
}
