//! Every metric of the edge.

use std::{sync::Arc, sync::atomic::AtomicI64, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use tonic::Code;

use crate::{access::MethodRule, error::code_name};

/// From 0.5 ms to about 16 s, doubling: a local read is below the first, a deadline above the last.
const FIRST_BUCKET_SECONDS: f64 = 0.0005;
const BUCKETS: u16 = 16;
/// The label of a path that is not in the contract: what callers invent must not become labels.
const UNKNOWN: &str = "unknown";

/// What the edge counts. Clones share the counters.
#[derive(Clone, Debug)]
pub struct EdgeMetrics {
    answers: Family<Answer, Counter>,
    seconds: Family<Method, Histogram>,
    streams: Family<Method, Gauge<i64, AtomicI64>>,
    shed: Family<Method, Counter>,
    panics: Family<Method, Counter>,
}

/// A method of the contract, or `unknown`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Method {
    service: Arc<str>,
    method: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    service: Arc<str>,
    method: Arc<str>,
    code: &'static str,
}

impl EdgeMetrics {
    /// Registers the metrics, once per process.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::unregistered();
        registry.register("rpc_answers", "Calls answered, by code", metrics.answers.clone());
        registry.register_with_unit(
            "rpc_duration",
            "Time from request to the end of the answer; streams are not in it",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        registry.register("rpc_open_streams", "Streams open now", metrics.streams.clone());
        registry.register("rpc_shed", "Calls refused as OVERLOADED", metrics.shed.clone());
        registry.register("rpc_panics", "Handlers that panicked", metrics.panics.clone());
        metrics
    }

    /// Metrics outside any registry.
    #[must_use]
    pub fn unregistered() -> Self {
        let buckets = || Histogram::new(exponential_buckets(FIRST_BUCKET_SECONDS, 2.0, BUCKETS));
        Self {
            answers: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            streams: Family::default(),
            shed: Family::default(),
            panics: Family::default(),
        }
    }

    pub(super) fn answered(&self, method: &Method, code: Code, took: Option<Duration>) {
        let answer = Answer {
            service: method.service.clone(),
            method: method.method.clone(),
            code: code_name(code),
        };
        self.answers.get_or_create(&answer).inc();
        if let Some(took) = took {
            self.seconds.get_or_create(method).observe(took.as_secs_f64());
        }
    }

    pub(super) fn stream_opened(&self, method: &Method) {
        self.streams.get_or_create(method).inc();
    }

    pub(super) fn stream_ended(&self, method: &Method) {
        self.streams.get_or_create(method).dec();
    }

    pub(super) fn shed(&self, method: &Method) {
        self.shed.get_or_create(method).inc();
    }

    pub(super) fn panicked(&self, method: &Method) {
        self.panics.get_or_create(method).inc();
    }
}

impl Method {
    pub(super) fn of(rule: Option<&MethodRule>) -> Self {
        match rule {
            Some(rule) => Self { service: rule.service.clone(), method: rule.method.clone() },
            None => Self { service: UNKNOWN.into(), method: UNKNOWN.into() },
        }
    }

    pub(super) fn service(&self) -> &str {
        &self.service
    }

    pub(super) fn method(&self) -> &str {
        &self.method
    }
}
