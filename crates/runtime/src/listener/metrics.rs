//! What a listener counts.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use rpc::peer::ListenerKind;

use crate::metrics::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    listener: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    listener: &'static str,
    reason: &'static str,
}

/// Counters of all listeners of a process.
#[derive(Clone, Debug)]
pub struct ListenerMetrics {
    open: Family<Labels, Gauge>,
    accepted: Family<Labels, Counter>,
    refused: Family<RefusedLabels, Counter>,
    handshake: Family<Labels, Histogram>,
}

/// Upper bounds of the handshake histogram, in seconds: from a neighbour to the timeout.
const HANDSHAKE_BUCKETS: [f64; 8] = [0.001, 0.005, 0.02, 0.1, 0.3, 1.0, 2.5, 5.0];

impl ListenerMetrics {
    /// Registers `connections_open`, `connections_accepted`, `connections_refused` and `handshake_seconds`.
    #[must_use]
    pub fn new(metrics: &Registry) -> Self {
        let new = Self {
            open: Family::default(),
            accepted: Family::default(),
            refused: Family::default(),
            handshake: Family::new_with_constructor(|| Histogram::new(HANDSHAKE_BUCKETS)),
        };
        metrics.register(|registry| {
            registry.register("connections_open", "Open connections", new.open.clone());
            let help = "Connections whose handshake ended well";
            registry.register("connections_accepted", help, new.accepted.clone());
            let help = "Connections closed before their first request, by reason: cap, crowded, timeout, tls, silent";
            registry.register("connections_refused", help, new.refused.clone());
            let help = "Duration of good TLS handshakes";
            registry.register("handshake_seconds", help, new.handshake.clone());
        });
        new
    }

    /// Counts an open connection until the guard is dropped.
    pub(super) fn open(&self, kind: ListenerKind) -> Open {
        let gauge = self.open.get_or_create(&Labels { listener: name(kind) }).clone();
        gauge.inc();
        Open(gauge)
    }

    pub(super) fn accepted(&self, kind: ListenerKind, handshake: Duration) {
        let labels = Labels { listener: name(kind) };
        self.accepted.get_or_create(&labels).inc();
        self.handshake.get_or_create(&labels).observe(handshake.as_secs_f64());
    }

    pub(super) fn refused(&self, kind: ListenerKind, reason: &'static str) {
        self.refused.get_or_create(&RefusedLabels { listener: name(kind), reason }).inc();
    }
}

/// One open connection in the gauge.
#[derive(Debug)]
pub(super) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn name(kind: ListenerKind) -> &'static str {
    match kind {
        ListenerKind::Main => "main",
        ListenerKind::Enrolment => "enrolment",
    }
}
