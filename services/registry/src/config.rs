//! The registry's section of the configuration; every setting has a default.

use std::{path::PathBuf, time::Duration};

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};
use store::{EmbeddedConfig, Retention, StoreConfig, config::DEFAULT_UPKEEP_PERIOD};

use crate::domain::Quotas;

/// How long history is kept, for page tokens, resuming watches and etags in flight: 1 h is longer
/// than any sibling's restart.
pub const DEFAULT_RETENTION_AGE: Duration = Duration::from_secs(60 * 60);
/// Most commits that are kept as history, however young: about 100 MiB of ordinary records.
pub const DEFAULT_RETENTION_COMMITS: u32 = 100_000;

/// Longest a commit may hang, on a volume that may be shared.
pub(crate) const DEFAULT_COMMIT_WATCHDOG: Duration = Duration::from_secs(60);

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Directory of the store, best on a volume of its own. Default `./.causeway/registry`.
    pub data_dir: PathBuf,
    /// How long history is kept. Default 1 h.
    #[serde(with = "friendly")]
    pub retention_age: Duration,
    /// Most commits that are kept as history. Default 100,000.
    pub retention_commits: u32,
    /// How often history is trimmed and forgotten request ids are dropped. Default 30 s.
    #[serde(with = "friendly")]
    pub upkeep_period: Duration,
    /// Longest a commit may hang on the disk before the process ends itself. Default 60 s: on a volume shared with other
    /// writers a sync can take long; 10 s is right for a volume of its own.
    #[serde(with = "friendly")]
    pub commit_watchdog: Duration,
    /// How much a tenant may hold.
    pub quotas: Quotas,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./.causeway/registry"),
            retention_age: DEFAULT_RETENTION_AGE,
            retention_commits: DEFAULT_RETENTION_COMMITS,
            upkeep_period: DEFAULT_UPKEEP_PERIOD,
            commit_watchdog: DEFAULT_COMMIT_WATCHDOG,
            quotas: Quotas::default(),
        }
    }
}

/// A setting is out of its range.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("registry.{setting} {rule}")]
pub struct ConfigError {
    setting: &'static str,
    rule: &'static str,
}

impl Config {
    /// How the store is opened.
    ///
    /// # Errors
    /// A retention of no time or of no commits: then no list could have a second page.
    pub fn store(&self) -> Result<StoreConfig, ConfigError> {
        let rule = "must be more than 0";
        let periods = [
            ("retention_age", self.retention_age),
            ("upkeep_period", self.upkeep_period),
            ("commit_watchdog", self.commit_watchdog),
        ];
        if let Some((setting, _)) = periods.into_iter().find(|(_, period)| period.is_zero()) {
            return Err(ConfigError { setting, rule });
        }
        if self.retention_commits == 0 {
            return Err(ConfigError { setting: "retention_commits", rule });
        }
        let retention =
            Retention { max_age: self.retention_age, max_commits: self.retention_commits };
        let Self { upkeep_period, commit_watchdog, .. } = *self;
        let engine = EmbeddedConfig { commit_watchdog, ..EmbeddedConfig::new(&self.data_dir) };
        Ok(StoreConfig { retention, upkeep_period, ..StoreConfig::embedded(engine) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_open_a_store_and_no_history_at_all_is_refused() {
        assert_eq!(Config::default().store().unwrap().retention, Retention::default());
        let none = Config { retention_commits: 0, ..Config::default() };
        assert!(none.store().unwrap_err().to_string().contains("retention_commits"));
        let past = Config { retention_age: Duration::ZERO, ..Config::default() };
        assert!(past.store().unwrap_err().to_string().contains("retention_age"));
    }
}
