//! The stages, in order.

use std::{
    convert::Infallible,
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderName, Request, Response};
use tonic::{Code, Status, body::Body, service::Routes};
use tower::{Service, ServiceExt as _};
use tracing::Instrument as _;

use super::{
    admission::{Admission, Arrival, Limits},
    body::{WatchedBody, code_of},
    call::Call,
    entry,
    metrics::{EdgeMetrics, Method},
    unreadable,
};
use crate::{
    access::{AccessTable, Caller, Guard, MethodRule},
    context::{self, CallContext, REQUEST_ID},
    deadline::{self, Deadline},
    error::Failure,
    peer::PeerInfo,
};

/// What surrounds the handlers of one process. One stack serves all its listeners, so its limits are the process's.
#[derive(Clone, Debug)]
pub struct Stack(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    table: AccessTable,
    guard: Guard,
    admission: Admission,
    metrics: EdgeMetrics,
}

/// Handlers with everything around them: what a listener serves.
#[derive(Clone, Debug)]
pub struct Edge {
    stack: Stack,
    routes: Routes,
}

impl Stack {
    /// Puts the stages together.
    #[must_use]
    pub fn new(table: AccessTable, guard: Guard, limits: Limits, metrics: EdgeMetrics) -> Self {
        Self(Arc::new(Parts { table, guard, admission: Admission::new(limits), metrics }))
    }

    /// Surrounds the handlers of a listener.
    #[must_use]
    pub fn around(&self, routes: Routes) -> Edge {
        Edge { stack: self.clone(), routes: routes.prepare() }
    }

    fn arrival(&self, request: &Request<Body>) -> Arrival {
        self.0.admission.arrival(self.0.table.get(request.uri().path()).cloned())
    }

    async fn serve(
        self,
        mut request: Request<Body>,
        arrival: Arrival,
        routes: Routes,
    ) -> Response<Body> {
        let rule = arrival.rule.clone();
        let streaming = rule.as_ref().is_some_and(|rule| rule.streaming);
        let deadline = Deadline::of(request.headers(), streaming, arrival.at);
        let mut context = CallContext::of(request.headers(), deadline);
        let peer = request.extensions().get::<PeerInfo>();
        let method = Method::of(rule.as_deref());
        let remote = peer.map(|peer| peer.remote);
        let mut call = Call::begin(self.0.metrics.clone(), method, streaming, &mut context, remote);
        let span = call.span().clone();
        if let Some(deadline) = deadline {
            request.extensions_mut().insert(deadline);
        }

        let guarded = self.guarded(request, arrival, routes, &mut call, deadline);
        let guarded = context::scope(context.clone(), guarded.instrument(span));
        let answer = match AssertUnwindSafe(guarded).catch_unwind().await {
            Ok(answer) => answer,
            Err(panic) => Err(call.panicked(&*panic)),
        };
        let answer = answer
            .unwrap_or_else(|failure| call.span().in_scope(|| Status::from(failure)).into_http());
        watched(answer, call, streaming.then_some(deadline).flatten(), context)
    }

    /// Everything inside panic, request id, trace and metrics.
    async fn guarded(
        &self,
        mut request: Request<Body>,
        arrival: Arrival,
        routes: Routes,
        call: &mut Call,
        deadline: Option<Deadline>,
    ) -> Result<Response<Body>, Failure> {
        let rule = arrival.rule.clone();
        let (seat, mut turn) = arrival.turn(deadline).await.inspect_err(|_| call.shed())?;
        call.take_seat(seat);
        let caller = self.admit(&request, rule.as_ref())?;
        call.admitted(caller.clone());
        request.extensions_mut().insert(caller);
        let handler = async {
            // Routes answer every error as a response.
            let Ok(response) = routes.oneshot(request).await;
            response.map(Body::new)
        };
        let mut handler = pin!(handler);
        let handler = poll_fn(|cx| {
            let polled = handler.as_mut().poll(cx);
            if polled.is_pending() {
                turn.pause();
            }
            polled
        });
        let answer = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline.instant(), handler)
                .await
                .map_err(|_| deadline::exceeded())?,
            None => handler.await,
        };
        call.answered();
        turn.end().await;
        unreadable::replaced(answer.headers()).map_or(Ok(answer), Err)
    }

    fn admit(
        &self,
        request: &Request<Body>,
        rule: Option<&Arc<MethodRule>>,
    ) -> Result<Caller, Failure> {
        let peer = request.extensions().get::<PeerInfo>();
        entry::admit(request.headers(), peer, rule, &self.0.guard)
    }
}

impl Service<Request<Body>> for Edge {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routes are always ready; load is checked per call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (stack, routes) = (self.stack.clone(), self.routes.clone());
        // Now, and not when the future is first polled: until then it waits.
        let arrival = stack.arrival(&request);
        stack.serve(request, arrival, routes).map(Ok).boxed()
    }
}

/// Adds the request id, and follows the body to its end.
fn watched(
    response: Response<Body>,
    mut call: Call,
    deadline: Option<Deadline>,
    context: CallContext,
) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    head.headers.insert(HeaderName::from_static(REQUEST_ID), context.request_id_header());
    if let Some(code) = code_of(&head.headers) {
        call.end(code);
        return Response::from_parts(head, body);
    }
    if !head.status.is_success() {
        call.end(Code::Unknown);
        return Response::from_parts(head, body);
    }
    let body = Body::new(WatchedBody::new(body, call, deadline, context));
    Response::from_parts(head, body)
}
