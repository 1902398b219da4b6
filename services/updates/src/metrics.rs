//! Every metric that updates emits.

use prometheus_client::metrics::gauge::Gauge;

/// Handles of the metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    lost_races: Gauge,
}

impl Metrics {
    /// Registers all of them.
    #[must_use]
    pub(crate) fn register(registry: &runtime::metrics::Registry) -> Self {
        let metrics = Self::default();
        registry.register(|registry| {
            registry.register(
                "updates_lost_races",
                "Writes of this process decided anew because something they rest on changed, since its start",
                metrics.lost_races.clone(),
            );
        });
        metrics
    }

    /// Races were lost, so many since the process started.
    pub(crate) fn lost_races(&self, races: u64) {
        self.lost_races.set(i64::try_from(races).unwrap_or(i64::MAX));
    }
}
