//! Every metric that provisioning emits.
//!
//! Always holds: labels come from closed lists (reasons), never from what a caller sent.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// The service's metrics; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    enrolments: Family<Outcome, Counter>,
    renewals: Family<Outcome, Counter>,
    reserved: Gauge,
    lost_races: Gauge,
}

impl Metrics {
    /// Makes and registers them.
    pub(crate) fn new(registry: &runtime::metrics::Registry) -> Self {
        let metrics = Self::default();
        registry.register(|registry| {
            let help =
                "Calls of Enroll by outcome: ENROLLED, REPLAY, ERROR or the reason of the refusal";
            registry.register("provisioning_enrolments", help, metrics.enrolments.clone());
            let help =
                "Calls of RenewCertificate by outcome: RENEWED, ERROR or the reason of the refusal";
            registry.register("provisioning_renewals", help, metrics.renewals.clone());
            let help = "Enrolments that wait to be finished, as the worker last saw them";
            registry.register("provisioning_reserved_enrolments", help, metrics.reserved.clone());
            let help = "Writes of this process decided anew because something they rest on changed, since its start";
            registry.register("provisioning_lost_races", help, metrics.lost_races.clone());
        });
        metrics
    }

    pub(crate) fn enrolment(&self, outcome: &'static str) {
        self.enrolments.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn renewal(&self, outcome: &'static str) {
        self.renewals.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn reserved(&self, count: usize) {
        self.reserved.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Races that were lost since the start.
    pub(crate) fn lost_races(&self, races: u64) {
        self.lost_races.set(i64::try_from(races).unwrap_or(i64::MAX));
    }
}
