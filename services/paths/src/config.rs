//! Settings of paths, and their defaults.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use resource::{
    record::reads,
    settings::{SettingsError, StoreSettings},
};
use serde::{Deserialize, Serialize};
use store::StoreConfig;

use crate::domain::probing::assignment::ProbePace;

/// Between two heartbeats: three of them may be missed before a connector is out of the choice.
const DEFAULT_HEARTBEAT_PERIOD: Duration = Duration::from_secs(10);
/// Between two probes of a target: with two failures in a row a dead application shows within a minute.
const DEFAULT_PROBE_PERIOD: Duration = Duration::from_secs(30);
/// Most probes a second and connector: unnoticed by any host, and 600 targets at the default period.
const DEFAULT_PROBES_PER_SECOND: u32 = 20;
/// From this age on the configuration counts as stale: registry confirms it every few seconds.
const DEFAULT_STALE_AFTER: Duration = Duration::from_secs(60);
/// How long the copy's history is kept: nobody pages over it.
const DEFAULT_RETENTION_AGE: Duration = Duration::from_secs(600);
/// How many commits of history are kept at most.
const DEFAULT_RETENTION_COMMITS: u32 = 10_000;
/// How long an ended certificate is still taken while provisioning cannot be reached.
const DEFAULT_CERTIFICATE_GRACE: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The section `[paths]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The store's. Here revisions are kept for 10 min and 10,000 commits.
    #[serde(flatten)]
    pub store: StoreSettings,
    /// Between two heartbeats of a connector. Default 10 s.
    #[serde(with = "friendly")]
    pub heartbeat_period: Duration,
    /// Between two probes of a target. Default 30 s.
    #[serde(with = "friendly")]
    pub probe_period: Duration,
    /// Most probes a second and connector, at least 1. Default 20.
    pub probes_per_second: u32,
    /// How many replicas of this service answer; each sees only its own grants. Default 1.
    pub replicas: u32,
    /// Age from which on the configuration counts as stale. Default 60 s.
    #[serde(with = "friendly")]
    pub stale_after: Duration,
    /// How long an ended certificate is still taken while provisioning cannot be reached. Default 7 days.
    #[serde(with = "friendly")]
    pub certificate_grace: Duration,
    /// Secret behind the tokens that clients send back and behind the spread of clients: at least 32
    /// characters, the same on every replica. Empty (the default): drawn at the first start and kept in the
    /// store, which serves one replica.
    pub token_secret: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: StoreSettings {
                retention_age: DEFAULT_RETENTION_AGE,
                retention_commits: DEFAULT_RETENTION_COMMITS,
                ..StoreSettings::of("paths")
            },
            heartbeat_period: DEFAULT_HEARTBEAT_PERIOD,
            probe_period: DEFAULT_PROBE_PERIOD,
            probes_per_second: DEFAULT_PROBES_PER_SECOND,
            replicas: 1,
            stale_after: DEFAULT_STALE_AFTER,
            certificate_grace: DEFAULT_CERTIFICATE_GRACE,
            token_secret: String::new(),
        }
    }
}

/// Least length of a secret that somebody writes.
const MIN_SECRET: usize = 32;
/// Shortest period of heartbeats and probes: below it the network's own delays are all that shows.
const MIN_PERIOD: Duration = Duration::from_millis(50);

impl Config {
    /// How the store is opened: all of its records are as the first release wrote them.
    ///
    /// # Errors
    /// A setting of the store is out of its range.
    pub fn store(&self) -> Result<StoreConfig, SettingsError> {
        self.store.store("paths", reads(&[], env!("CARGO_PKG_VERSION")))
    }

    /// How often and how much connectors probe.
    #[must_use]
    pub fn pace(&self) -> ProbePace {
        ProbePace { period: self.probe_period, per_second: self.probes_per_second }
    }

    /// Refuses what cannot work.
    ///
    /// # Errors
    /// Every setting that breaks its rule, with the rule.
    pub fn check(&self) -> anyhow::Result<()> {
        let mut problems = Vec::new();
        for (name, period) in
            [("heartbeat_period", self.heartbeat_period), ("probe_period", self.probe_period)]
        {
            if period < MIN_PERIOD {
                problems.push(format!("paths.{name} must be at least 50 ms"));
            }
        }
        if self.probes_per_second == 0 {
            problems.push("paths.probes_per_second must be at least 1".to_owned());
        }
        if self.replicas == 0 {
            problems.push("paths.replicas must be at least 1".to_owned());
        }
        if !self.token_secret.is_empty() && self.token_secret.len() < MIN_SECRET {
            problems.push("paths.token_secret must be empty or at least 32 characters".to_owned());
        }
        if problems.is_empty() { Ok(()) } else { anyhow::bail!(problems.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_all_at_once() {
        Config::default().check().unwrap();
        let wrong = Config {
            heartbeat_period: Duration::ZERO,
            probe_period: Duration::from_millis(1),
            probes_per_second: 0,
            replicas: 0,
            token_secret: "short".into(),
            ..Config::default()
        };
        let text = wrong.check().unwrap_err().to_string();
        for name in
            ["heartbeat_period", "probe_period", "probes_per_second", "replicas", "token_secret"]
        {
            assert!(text.contains(name), "{text}");
        }
    }
}
