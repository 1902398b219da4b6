//! Every metric that updates emits.

use jiff::Timestamp;
use prometheus_client::metrics::gauge::Gauge;

/// Handles of the metrics.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    registry_heard: Gauge,
}

impl Metrics {
    /// Registers all of them.
    #[must_use]
    pub fn register(registry: &runtime::metrics::Registry) -> Self {
        let metrics = Self::default();
        registry.register(|registry| {
            registry.register(
                "updates_registry_heard_timestamp_seconds",
                "When registry's watch was last heard, in seconds since 1970; 0 before the first time",
                metrics.registry_heard.clone(),
            );
        });
        metrics
    }

    /// Registry's watch was heard.
    pub(crate) fn registry_heard(&self, now: Timestamp) {
        self.registry_heard.set(now.as_second());
    }
}
