//! What travels with a call through this process and on to siblings: its id, its trace, its deadline.
//!
//! Always holds: while a handler runs, [`current`] is its call's context, so that a client call made inside
//! carries the rest of the budget although no code passes it along.
//! Absent on purpose: inheritance by spawned tasks. A task that outlives its call must not be bound by the call's deadline;
//! one that should be is wrapped with [`scope`].

use std::{
    future::Future,
    sync::{Arc, OnceLock},
};

use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;
use tracing::Span;

use crate::deadline::Deadline;

/// The header of a request's id, both ways.
pub const REQUEST_ID: &str = "x-request-id";
/// The header of a trace (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";
/// Longest request id taken from a caller, in bytes; ids stand in every log line.
const MAX_REQUEST_ID_BYTES: usize = 64;

/// What travels with a call.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The id that finds the call in every log.
    pub request_id: Arc<str>,
    /// Its trace.
    pub trace: TraceParent,
    from_caller: bool,
    /// When its time is over, if ever.
    pub deadline: Option<Deadline>,
}

/// A `traceparent`: which trace, and which span of it is the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    sampled: bool,
}

/// The process's tracer, joined to the traces that travel with calls. Plain functions, so that this crate
/// needs to know no tracer.
#[derive(Clone, Copy, Debug)]
pub struct Tracer {
    /// Makes a span a child of a caller's.
    pub adopt: fn(&Span, &TraceParent),
    /// The span as parent of what is called from it; `None` if it is not traced.
    pub parent: fn(&Span) -> Option<TraceParent>,
}

static TRACER: OnceLock<Tracer> = OnceLock::new();

/// Joins the process's tracer, once, before anything is served; a second one is ignored.
pub fn join_tracer(tracer: Tracer) {
    let _ = TRACER.set(tracer);
}

tokio::task_local! {
    static CURRENT: CallContext;
}

/// The context of the call that this task is answering.
#[must_use]
pub fn current() -> Option<CallContext> {
    CURRENT.try_with(Clone::clone).ok()
}

/// When the caller of the running handler stops waiting; `None` outside a handler and in one without deadline.
#[must_use]
pub fn current_deadline() -> Option<Instant> {
    Some(current()?.deadline?.instant())
}

/// Runs `work` as part of a call.
pub async fn scope<F: Future>(context: CallContext, work: F) -> F::Output {
    CURRENT.scope(context, work).await
}

/// Runs one poll of a body as part of a call.
pub(crate) fn sync_scope<T>(context: &CallContext, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(context.clone(), work)
}

impl CallContext {
    /// The context that a request's headers ask for; what is missing or malformed is made here.
    pub(crate) fn of(headers: &HeaderMap, deadline: Option<Deadline>) -> Self {
        let id = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let request_id = match id.filter(|id| acceptable(id)) {
            Some(id) => id.into(),
            None => format!("{:016x}", random_u64()).into(),
        };
        let sent = headers.get(TRACEPARENT).and_then(TraceParent::parse);
        let trace = sent.unwrap_or_else(TraceParent::new);
        Self { request_id, trace, from_caller: sent.is_some(), deadline }
    }

    /// Ties the span of this call to its trace: a caller's trace goes on in it, else the tracer's own is taken over.
    pub(crate) fn trace_in(&mut self, span: &Span) {
        let Some(tracer) = TRACER.get() else { return };
        if self.from_caller {
            (tracer.adopt)(span, &self.trace);
        }
        if let Some(trace) = (tracer.parent)(span) {
            self.trace = trace;
        }
    }

    /// The parent of a call that is made now on behalf of this one.
    pub(crate) fn parent_of_calls(&self) -> TraceParent {
        let traced = TRACER.get().and_then(|tracer| (tracer.parent)(&Span::current()));
        traced.unwrap_or_else(|| self.trace.child())
    }

    /// The id as a header.
    pub(crate) fn request_id_header(&self) -> HeaderValue {
        // `of` and `format!` only make visible ASCII.
        HeaderValue::from_str(&self.request_id).unwrap_or(HeaderValue::from_static("-"))
    }
}

impl TraceParent {
    /// A trace that begins here. It counts as sampled: a process without a tracer leaves the choice to the processes that it calls.
    #[must_use]
    pub fn new() -> Self {
        let trace_id = (u128::from(random_u64()) << 64) | u128::from(random_u64()) | 1;
        Self { trace_id, span_id: random_u64() | 1, sampled: true }
    }

    /// From a tracer's ids; neither may be zero.
    #[must_use]
    pub fn of(trace_id: u128, span_id: u64, sampled: bool) -> Self {
        Self { trace_id, span_id, sampled }
    }

    /// For a tracer: the trace, the parent span, whether it is sampled.
    #[must_use]
    pub fn ids(&self) -> (u128, u64, bool) {
        (self.trace_id, self.span_id, self.sampled)
    }

    /// The trace's id, 32 hex digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The same trace with a new span as parent, for a call made on behalf of this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: random_u64() | 1, ..*self }
    }

    /// As the header writes it.
    #[must_use]
    pub fn to_header(&self) -> HeaderValue {
        let flags = u8::from(self.sampled);
        let text = format!("00-{:032x}-{:016x}-{flags:02x}", self.trace_id, self.span_id);
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }

    fn parse(value: &HeaderValue) -> Option<Self> {
        let mut parts = value.to_str().ok()?.split('-');
        let (version, trace) = (parts.next()?, parts.next()?);
        let (span, flags) = (parts.next()?, parts.next()?);
        if version.len() != 2 || version == "ff" || flags.len() != 2 {
            return None;
        }
        let trace_id = hex(trace, 32)?;
        let span_id = hex(span, 16)?;
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (trace_id != 0 && span_id != 0)
            .then(|| Some(Self { trace_id, span_id: span_id.try_into().ok()?, sampled }))?
    }
}

impl Default for TraceParent {
    fn default() -> Self {
        Self::new()
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == digits && text.bytes().all(lower))
        .then(|| u128::from_str_radix(text, 16).ok())?
}

fn acceptable(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !id.is_empty() && id.len() <= MAX_REQUEST_ID_BYTES && id.bytes().all(plain)
}

/// From the thread's own generator: ids only need to be unlikely to collide, and four system calls for each call are expensive.
fn random_u64() -> u64 {
    rand::random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_on_in_its_children() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = TraceParent::parse(&HeaderValue::from_static(text)).unwrap();
        assert_eq!(trace.to_header(), text);
        let child = trace.child();
        assert_eq!(child.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_ne!(child.to_header(), trace.to_header());
        assert!(TraceParent::parse(&TraceParent::new().to_header()).is_some());
    }

    #[test]
    fn malformed_headers_begin_a_trace_and_an_id_of_our_own() {
        for bad in [
            "00-0-0-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "",
        ] {
            assert_eq!(TraceParent::parse(&HeaderValue::from_static(bad)), None, "{bad}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("two words"));
        assert_eq!(CallContext::of(&headers, None).request_id.len(), 16);
        headers.insert(REQUEST_ID, HeaderValue::from_static("my-id.1"));
        assert_eq!(&*CallContext::of(&headers, None).request_id, "my-id.1");
    }
}
