//! Every metric that paths emits.
//!
//! Always holds: labels come from closed lists, never from what a caller sent.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use crate::{
    domain::choice::answer::{Answer, Degradation},
    store::keys::Area,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Selection {
    outcome: &'static str,
    degradation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfArea {
    sibling: &'static str,
}

/// The service's metrics; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    selections: Family<Selection, Counter>,
    kept: Counter,
    results: Counter,
    streams: Gauge,
    connected: Gauge,
    connectors: Gauge,
    save_failures: Family<OfArea, Counter>,
}

impl Metrics {
    /// Makes and registers them.
    #[must_use]
    pub(crate) fn register(registry: &runtime::metrics::Registry) -> Self {
        let metrics = Self::default();
        registry.register(|registry| {
            let help = "Answers of SelectPath by outcome (PATH or the reason) and degradation";
            registry.register("paths_selections", help, metrics.selections.clone());
            let help = "Answers that kept an earlier choice although another was slightly better";
            registry.register("paths_selections_kept", help, metrics.kept.clone());
            let help = "Results of probes that counted";
            registry.register("paths_probe_results", help, metrics.results.clone());
            let help = "Report streams now open";
            registry.register("paths_report_streams", help, metrics.streams.clone());
            let help = "Connectors now connected";
            registry.register("paths_connectors_connected", help, metrics.connected.clone());
            let help = "Connectors of the configuration that have been looked at";
            registry.register("paths_connectors", help, metrics.connectors.clone());
            let help = "Failed writes of the copy of a sibling's objects; they are tried again";
            registry.register("paths_save_failures", help, metrics.save_failures.clone());
        });
        metrics
    }

    /// A question was answered.
    pub(crate) fn selected(&self, answer: &Answer) {
        let (outcome, degradation) = match &answer.outcome {
            Err(reason) => (reason.word(), "NONE"),
            Ok(path) => ("PATH", degradation(path.degradation)),
        };
        self.selections.get_or_create(&Selection { outcome, degradation }).inc();
        if answer.outcome.as_ref().is_ok_and(|path| path.kept_previous) {
            self.kept.inc();
        }
    }

    /// Results of probes counted.
    pub(crate) fn results(&self, count: usize) {
        self.results.inc_by(count as u64);
    }

    /// Report streams open now.
    #[must_use]
    pub(crate) fn streams(&self) -> &Gauge {
        &self.streams
    }

    /// How many connectors are connected, of how many.
    pub(crate) fn fleet(&self, connected: usize, all: usize) {
        self.connected.set(i64::try_from(connected).unwrap_or(i64::MAX));
        self.connectors.set(i64::try_from(all).unwrap_or(i64::MAX));
    }

    /// The copy of a sibling's objects could not be written.
    pub(crate) fn save_failed(&self, area: Area) {
        self.save_failures.get_or_create(&OfArea { sibling: area.word() }).inc();
    }
}

fn degradation(degradation: Degradation) -> &'static str {
    match degradation {
        Degradation::None => "NONE",
        Degradation::Reduced => "REDUCED",
        Degradation::StaleConfiguration => "STALE_CONFIGURATION",
        Degradation::Unhealthy => "UNHEALTHY",
    }
}
