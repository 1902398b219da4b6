//! One trace across processes: spans of calls join the trace of their caller.

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use rpc::context::{TraceParent, Tracer};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The exporter's side of what `rpc` carries in headers.
pub(super) const TRACER: Tracer = Tracer { adopt, parent };

fn adopt(span: &Span, caller: &TraceParent) {
    let (trace_id, span_id, sampled) = caller.ids();
    let remote = SpanContext::new(
        TraceId::from_bytes(trace_id.to_be_bytes()),
        SpanId::from_bytes(span_id.to_be_bytes()),
        TraceFlags::default().with_sampled(sampled),
        true,
        TraceState::default(),
    );
    // A span that no tracer sees has no parent either; that is the only thing an error can mean here.
    let _ = span.set_parent(Context::new().with_remote_span_context(remote));
}

fn parent(span: &Span) -> Option<TraceParent> {
    let context = span.context();
    let span = context.span();
    let own = span.span_context();
    own.is_valid().then(|| {
        let trace_id = u128::from_be_bytes(own.trace_id().to_bytes());
        let span_id = u64::from_be_bytes(own.span_id().to_bytes());
        TraceParent::of(trace_id, span_id, own.is_sampled())
    })
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn traced<T>(work: impl FnOnce() -> T) -> T {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work)
    }

    #[test]
    fn a_caller_s_trace_goes_on_with_a_new_span() {
        traced(|| {
            let caller = TraceParent::new();
            let span = tracing::info_span!("call");
            adopt(&span, &caller);
            let onwards = parent(&span).unwrap();
            assert_eq!(onwards.trace_id(), caller.trace_id());
            assert_ne!(onwards.to_header(), caller.to_header());
        });
    }

    #[test]
    fn a_call_without_a_trace_begins_one() {
        traced(|| assert!(parent(&tracing::info_span!("call")).unwrap().ids().2));
        assert!(parent(&tracing::info_span!("untraced")).is_none());
    }
}
