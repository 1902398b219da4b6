//! The registry's section of the configuration; every setting has a default.

use resource::{history::HistoryLimits, settings::StoreSettings};
use serde::{Deserialize, Serialize};

use crate::domain::Quotas;

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The store's.
    #[serde(flatten)]
    pub store: StoreSettings,
    /// How much history is kept.
    #[serde(flatten)]
    pub history: HistoryLimits,
    /// How much a tenant may hold.
    pub quotas: Quotas,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: StoreSettings::of("registry"),
            history: HistoryLimits::default(),
            quotas: Quotas::default(),
        }
    }
}
