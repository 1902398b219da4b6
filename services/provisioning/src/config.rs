//! The service's section of the configuration.
//!
//! Always holds: every setting has a default that works for one process on one machine.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use resource::{history::HistoryLimits, settings::StoreSettings};
use serde::{Deserialize, Serialize};

/// Period between a connector's heartbeats: three missed ones are a disconnection within half a minute.
const HEARTBEAT_PERIOD: Duration = Duration::from_secs(10);
/// Period between two probes of one target.
const PROBE_PERIOD: Duration = Duration::from_secs(30);
/// Live keys of a tenant: one for each group it may have.
const KEY_QUOTA: u64 = 10_000;
/// Settings of provisioning: section `provisioning`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The store's. It holds the tenants' signing keys: guard its directory (made with mode 0700) and its backups.
    #[serde(flatten)]
    pub store: StoreSettings,
    /// How much history is kept.
    #[serde(flatten)]
    pub history: HistoryLimits,
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
        Self {
            store: StoreSettings::of("provisioning"),
            history: HistoryLimits::default(),
            public_enrolment_endpoint: String::new(),
            public_provisioning_endpoint: String::new(),
            public_paths_endpoint: String::new(),
            heartbeat_period: HEARTBEAT_PERIOD,
            probe_period: PROBE_PERIOD,
            max_keys_per_tenant: KEY_QUOTA,
        }
    }
}
