//! Settings of the console, and their defaults.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a row waits for a sibling when nobody says, in milliseconds: a person still waits, and the other columns
/// are there.
const DEFAULT_SIBLING_DEADLINE_MS: u64 = 2_000;

/// The section `[console]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a row waits for a sibling, in milliseconds; then its columns are missing. Default 2,000.
    pub sibling_deadline_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { sibling_deadline_ms: DEFAULT_SIBLING_DEADLINE_MS }
    }
}

impl Config {
    /// How long a row waits for a sibling.
    #[must_use]
    pub fn sibling_deadline(&self) -> Duration {
        Duration::from_millis(self.sibling_deadline_ms)
    }
}
