//! The service's section of the configuration.
//!
//! Always holds: every setting has a default that works for one process on one machine.

use std::{path::PathBuf, time::Duration};

use ::store::Retention;
use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};

/// Period between a connector's heartbeats: three missed ones are a disconnection within half a minute.
const HEARTBEAT_PERIOD: Duration = Duration::from_secs(10);
/// Period between two probes of one target.
const PROBE_PERIOD: Duration = Duration::from_secs(30);
/// Live keys of a tenant: one for each group it may have.
const KEY_QUOTA: u64 = 10_000;
/// Longest commit, for a volume that others write to as well.
const COMMIT_WATCHDOG: Duration = Duration::from_secs(60);
/// Where the store lies when nobody says.
const DATA_DIR: &str = "./.causeway/provisioning";

/// Settings of provisioning: section `provisioning`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Directory of the store, made with mode 0700. It holds the tenants' signing keys: guard it and its backups.
    /// Default `./.causeway/provisioning`.
    pub data_dir: PathBuf,
    /// How long history is kept for watches and page tokens. Default 1 h.
    #[serde(with = "friendly")]
    pub retention_age: Duration,
    /// How many commits of history are kept at most. Default 100,000.
    pub retention_commits: u32,
    /// Longest a commit may hang on the disk before the process ends itself. Default 60 s: on a volume shared with other
    /// writers a sync can take long; 10 s is right for a volume of its own.
    #[serde(with = "friendly")]
    pub commit_watchdog: Duration,
    /// `https://host:port` at which connectors reach the enrolment listener; it stands in join tokens. Empty, the
    /// default: where this process listens.
    pub public_enrolment_endpoint: String,
    /// `https://host:port` at which connectors renew. Empty, the default: where this process listens.
    pub public_provisioning_endpoint: String,
    /// `https://host:port` at which connectors report. Empty, the default: where the siblings find paths.
    pub public_paths_endpoint: String,
    /// Time between heartbeats that new connectors are told. Default 10 s.
    #[serde(with = "friendly")]
    pub heartbeat_period: Duration,
    /// Time between probes that new connectors are told. Default 30 s.
    #[serde(with = "friendly")]
    pub probe_period: Duration,
    /// Live keys of a tenant at most. Default 10,000.
    pub max_keys_per_tenant: u64,
}

impl Default for Config {
    fn default() -> Self {
        let retention = Retention::default();
        Self {
            data_dir: DATA_DIR.into(),
            retention_age: retention.max_age,
            retention_commits: retention.max_commits,
            commit_watchdog: COMMIT_WATCHDOG,
            public_enrolment_endpoint: String::new(),
            public_provisioning_endpoint: String::new(),
            public_paths_endpoint: String::new(),
            heartbeat_period: HEARTBEAT_PERIOD,
            probe_period: PROBE_PERIOD,
            max_keys_per_tenant: KEY_QUOTA,
        }
    }
}
