//! Settings of the console, and their defaults.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};

/// How long a row waits for a sibling when nobody says: a person still waits, and the other columns are there.
const DEFAULT_SIBLING_DEADLINE: Duration = Duration::from_secs(2);

/// The section `[console]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a row waits for a sibling; then its columns are missing. Default 2 s.
    #[serde(with = "friendly")]
    pub sibling_deadline: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { sibling_deadline: DEFAULT_SIBLING_DEADLINE }
    }
}
