//! How much history is kept: the settings.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};

/// How much is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryLimits {
    /// How long, for `read_time` and ListAuditEvents. Default 90 days.
    #[serde(rename = "history_age", with = "friendly")]
    pub age: Duration,
    /// Most events of a tenant; the oldest go first. Default 100,000.
    #[serde(rename = "history_events_per_tenant")]
    pub per_tenant: usize,
    /// Most events of the service; the oldest of the largest tenants go first. Default 1,000,000.
    #[serde(rename = "history_events")]
    pub total: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { age: Duration::from_secs(90 * 24 * 60 * 60), per_tenant: 100_000, total: 1_000_000 }
    }
}
