//! The settings of a service's store, the same in every service.
//!
//! Always holds: what is taken opens a store in which lists have pages and watches can resume.
//! Absent on purpose: the service's own settings, which stand beside these in its section.

use std::{path::PathBuf, time::Duration};

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};
use store::{EmbeddedConfig, Reads, Retention, StoreConfig, config::DEFAULT_UPKEEP_PERIOD};

/// How long the store's revisions are kept, for page tokens, resuming watches and etags in flight: 1 h is longer than any sibling's
/// restart.
pub const DEFAULT_RETENTION_AGE: Duration = Duration::from_secs(60 * 60);
/// Most commits that are kept as revisions, however young: about 100 MiB of ordinary records.
pub const DEFAULT_RETENTION_COMMITS: u32 = 100_000;
/// Longest a commit may hang, on a volume that may be shared.
pub const DEFAULT_COMMIT_WATCHDOG: Duration = Duration::from_secs(60);

/// Settings of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSettings {
    /// Directory of the store, best on a volume of its own. Default `./.causeway/<service>`.
    pub data_dir: PathBuf,
    /// How long the store's revisions are kept. Default 1 h.
    #[serde(with = "friendly")]
    pub retention_age: Duration,
    /// Most commits that are kept as revisions. Default 100,000.
    pub retention_commits: u32,
    /// How often history is trimmed and forgotten request ids are dropped. Default 30 s.
    #[serde(with = "friendly")]
    pub upkeep_period: Duration,
    /// Longest a commit may hang on the disk before the process ends itself. Default 60 s: on a volume shared with other
    /// writers a sync can take long; 10 s is right for a volume of its own.
    #[serde(with = "friendly")]
    pub commit_watchdog: Duration,
}

/// A setting is out of its range.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{section}.{setting} must be more than 0")]
pub struct SettingsError {
    section: &'static str,
    setting: &'static str,
}

impl StoreSettings {
    /// The defaults of a service.
    #[must_use]
    pub fn of(service: &str) -> Self {
        Self {
            data_dir: PathBuf::from("./.causeway").join(service),
            retention_age: DEFAULT_RETENTION_AGE,
            retention_commits: DEFAULT_RETENTION_COMMITS,
            upkeep_period: DEFAULT_UPKEEP_PERIOD,
            commit_watchdog: DEFAULT_COMMIT_WATCHDOG,
        }
    }

    /// How the store is opened, by a program that reads these records.
    ///
    /// # Errors
    /// A retention of no time or of no commits: then no list could have a second page; or a period of no time.
    pub fn store(&self, section: &'static str, reads: Reads) -> Result<StoreConfig, SettingsError> {
        let refuse = |setting| Err(SettingsError { section, setting });
        let periods = [
            ("retention_age", self.retention_age),
            ("upkeep_period", self.upkeep_period),
            ("commit_watchdog", self.commit_watchdog),
        ];
        if let Some((setting, _)) = periods.into_iter().find(|(_, period)| period.is_zero()) {
            return refuse(setting);
        }
        if self.retention_commits == 0 {
            return refuse("retention_commits");
        }
        let retention =
            Retention { max_age: self.retention_age, max_commits: self.retention_commits };
        let Self { upkeep_period, commit_watchdog, .. } = *self;
        let engine = EmbeddedConfig { commit_watchdog, ..EmbeddedConfig::new(&self.data_dir) };
        Ok(StoreConfig { reads, retention, upkeep_period, ..StoreConfig::embedded(engine) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_open_a_store_and_no_history_at_all_is_refused() {
        let settings = StoreSettings::of("registry");
        assert_eq!(
            settings.store("registry", Reads::default()).unwrap().retention,
            Retention::default()
        );
        let none = StoreSettings { retention_commits: 0, ..settings.clone() };
        let told = none.store("registry", Reads::default()).unwrap_err().to_string();
        assert!(told.contains("registry.retention_commits"), "{told}");
        let past = StoreSettings { retention_age: Duration::ZERO, ..settings };
        assert!(past.store("registry", Reads::default()).is_err());
    }
}
