//! Every metric that the registry emits, beside those of the edge and the workers.
//!
//! Always holds: labels come from closed lists (kinds, reasons), never from what a caller sent.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use crate::{domain::Kind, error::Error};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// The service's metrics; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    objects: Family<KindLabel, Gauge>,
    lost_races: Gauge,
    registrations: Family<Outcome, Counter>,
    purged: Family<KindLabel, Counter>,
    withdrawals: Family<Outcome, Counter>,
}

impl Metrics {
    /// Makes and registers them.
    pub(crate) fn new(registry: &runtime::metrics::Registry) -> Self {
        let metrics = Self::default();
        registry.register(|registry| {
            let help = "Live objects of all tenants, by kind";
            registry.register("registry_objects", help, metrics.objects.clone());
            let help = "Writes of this process decided anew because something they rest on changed, since its start";
            registry.register("registry_lost_races", help, metrics.lost_races.clone());
            let help = "Calls of RegisterAppConnector by outcome: REGISTERED, REPEATED or the reason of the refusal";
            registry.register("registry_registrations", help, metrics.registrations.clone());
            let help = "Objects removed for good, by kind";
            registry.register("registry_purged", help, metrics.purged.clone());
            let help = "Writes that took something out of service: SETTLED when every follower confirmed, TIMED_OUT otherwise";
            registry.register("registry_withdrawals", help, metrics.withdrawals.clone());
        });
        metrics
    }

    pub(crate) fn objects(&self, kind: Kind, live: usize) {
        let live = i64::try_from(live).unwrap_or(i64::MAX);
        self.objects.get_or_create(&KindLabel { kind: kind.field() }).set(live);
    }

    pub(crate) fn lost_races(&self, races: u64) {
        self.lost_races.set(i64::try_from(races).unwrap_or(i64::MAX));
    }

    /// `Ok(true)`: a connector was made; `Ok(false)`: the one that stood was answered.
    pub(crate) fn registration(&self, outcome: Result<bool, &Error>) {
        let outcome = match outcome {
            Ok(true) => "REGISTERED",
            Ok(false) => "REPEATED",
            Err(error) => error.reason(),
        };
        self.registrations.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn withdrawal(&self, settled: bool) {
        let outcome = if settled { "SETTLED" } else { "TIMED_OUT" };
        self.withdrawals.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn purged(&self, kind: Kind) {
        self.purged.get_or_create(&KindLabel { kind: kind.field() }).inc();
    }
}
