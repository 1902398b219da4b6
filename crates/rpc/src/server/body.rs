//! The body of an answer, watched to its end.
//!
//! Always holds: a panic, an overdue deadline or a caller who is no longer valid ends a stream with trailers that
//! say so, not with a broken connection; the call ends with the code that the trailers carry.

use std::{
    future::Future as _,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Interval, Sleep, interval_at};
use tonic::{Code, Status, body::Body};

use super::{call::Call, unreadable};
use crate::{
    access::Caller,
    context::CallContext,
    deadline::{self, Deadline},
};

/// How often the caller of a silent stream is checked again: the time that a revoked peer can hold on to a stream
/// on which nothing is sent.
pub const RECHECK: Duration = Duration::from_secs(5);

/// A handler's body with its call.
pub(super) struct WatchedBody {
    inner: Option<Body>,
    call: Call,
    overdue: Option<Pin<Box<Sleep>>>,
    recheck: Option<(Interval, Caller)>,
    context: CallContext,
}

impl WatchedBody {
    pub(super) fn new(
        inner: Body,
        call: Call,
        deadline: Option<Deadline>,
        context: CallContext,
    ) -> Self {
        let overdue = deadline.map(|d| Box::pin(tokio::time::sleep_until(d.instant())));
        let recheck = call
            .lasting_caller()
            .map(|caller| (interval_at(Instant::now() + RECHECK, RECHECK), caller));
        Self { inner: Some(inner), call, overdue, recheck, context }
    }

    fn is_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        self.overdue.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready())
    }

    /// Why the caller may not go on; checked when a check is due, or when `sending` something.
    fn refused(&mut self, cx: &mut Context<'_>, sending: bool) -> Option<Status> {
        let (interval, caller) = self.recheck.as_mut()?;
        let mut due = sending;
        while interval.poll_tick(cx).is_ready() {
            due = true;
        }
        due.then(|| caller.still_valid().err()).flatten().map(Status::from)
    }

    /// Drops the handler's stream and ends the answer with `status`.
    fn cut(&mut self, status: Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.inner = None;
        self.call.end(status.code());
        let mut trailers = HeaderMap::new();
        match status.add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Err(unsendable) => Poll::Ready(Some(Err(unsendable))),
        }
    }
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.inner.is_some() && this.is_overdue(cx) {
            return this.cut(deadline::exceeded().into());
        }
        if let Some(status) = this.refused(cx, false) {
            return this.cut(status);
        }
        let Some(inner) = this.inner.as_mut() else { return Poll::Ready(None) };
        let span = this.call.span().clone();
        let poll = || {
            let _in_span = span.enter();
            crate::context::sync_scope(&this.context, || Pin::new(inner).poll_frame(cx))
        };
        let frame = match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(polled) => ready!(polled),
            Err(panic) => {
                let failure = this.call.panicked(&*panic);
                return this.cut(failure.into());
            }
        };
        if matches!(&frame, Some(Ok(frame)) if frame.is_data())
            && let Some(status) = this.refused(cx, true)
        {
            return this.cut(status);
        }
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    if let Some(failure) = unreadable::replaced(trailers) {
                        return this.cut(failure.into());
                    }
                    this.call.end(code_of(trailers).unwrap_or(Code::Unknown));
                }
            }
            Some(Err(status)) => this.call.end(status.code()),
            None => this.call.end(Code::Ok),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(http_body::Body::size_hint).unwrap_or_default()
    }
}

/// The code in headers (an answer without a body) or trailers.
pub(super) fn code_of(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|code| Code::from_bytes(code.as_bytes()))
}
