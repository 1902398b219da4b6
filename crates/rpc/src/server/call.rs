//! One call, from its request to the last byte of its answer.

use names::Reason;
use std::{any::Any, net::SocketAddr};

use tokio::time::Instant;
use tonic::Code;
use tracing::{Span, field};

use super::{
    admission::Seat,
    metrics::{EdgeMetrics, Method},
};
use crate::{
    access::Caller,
    context::CallContext,
    error::{Failure, Kind, code_name},
};

/// What has to happen exactly once when a call ends, however it ends: counting, logging, giving the seat back. A call
/// that is dropped before its end was given up by its caller, and counts as CANCELLED.
#[derive(Debug)]
pub(super) struct Call {
    metrics: EdgeMetrics,
    method: Method,
    span: Span,
    started: Instant,
    streaming: bool,
    seat: Seat,
    caller: Option<Caller>,
    ended: bool,
}

impl Call {
    pub(super) fn begin(
        metrics: EdgeMetrics,
        method: Method,
        streaming: bool,
        context: &mut CallContext,
        remote: Option<SocketAddr>,
    ) -> Self {
        let span = tracing::info_span!(
            "rpc",
            service = method.service(),
            method = method.method(),
            request_id = %context.request_id,
            trace_id = field::Empty,
            remote = remote.map(field::display),
            caller = field::Empty,
        );
        context.trace_in(&span);
        span.record("trace_id", context.trace.trace_id());
        if streaming {
            metrics.stream_opened(&method);
        }
        let started = Instant::now();
        Self { metrics, method, span, started, streaming, seat: None, caller: None, ended: false }
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    pub(super) fn take_seat(&mut self, seat: Seat) {
        self.seat = seat;
    }

    /// The call was let in, with this caller.
    pub(super) fn admitted(&mut self, caller: Caller) {
        self.span.record("caller", caller.audit_name());
        self.caller = Some(caller);
    }

    /// The caller to check again while the answer lasts; `None` for a unary call.
    pub(super) fn lasting_caller(&self) -> Option<Caller> {
        self.caller.clone().filter(|_| self.streaming)
    }

    /// The handler of a unary call is done: its answer needs no seat, so a slow reader holds none.
    pub(super) fn answered(&mut self) {
        if !self.streaming {
            self.seat = None;
        }
    }

    pub(super) fn shed(&self) {
        self.metrics.shed(&self.method);
    }

    /// Counts a panic and logs its text; returns what the caller is answered.
    pub(super) fn panicked(&self, panic: &(dyn Any + Send)) -> Failure {
        self.metrics.panicked(&self.method);
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no text");
        self.span.in_scope(|| tracing::error!(panic = text, "a handler panicked"));
        let message = "the server has a defect; the request id finds its log";
        Failure::new(Kind::Internal, Reason::InternalPanic, message)
    }

    /// The answer is complete.
    pub(super) fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.seat = None;
        let took = self.started.elapsed();
        self.metrics.answered(&self.method, code, (!self.streaming).then_some(took));
        if self.streaming {
            self.metrics.stream_ended(&self.method);
        }
        let (code, ms) = (code_name(code), took.as_secs_f64() * 1000.0);
        self.span.in_scope(|| tracing::debug!(code, ms, "answered"));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}
