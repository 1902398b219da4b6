//! A transport for generated clients that keeps deadlines and tells errors apart.

use names::Reason;
use std::{
    collections::HashSet,
    error::Error,
    future::Future,
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tokio::time::Instant;
use tonic::{Status, body::Body};
use tower::Service;

use crate::{
    context::{self, CallContext},
    deadline::{self, GRPC_TIMEOUT},
    error::{Failure, Kind},
};

/// Paths of methods that stream in either direction: they have no deadline of ours.
static STREAMING: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let methods = proto::POOL.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    methods
        .filter(|method| method.is_client_streaming() || method.is_server_streaming())
        .map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()))
        .collect()
});

/// A connection to one endpoint; clones share it.
#[derive(Clone, Debug)]
pub struct Channel {
    transport: tonic::transport::Channel,
    endpoint: Arc<str>,
    deadline: Duration,
}

impl Channel {
    pub(super) fn new(
        transport: tonic::transport::Channel,
        endpoint: Arc<str>,
        deadline: Duration,
    ) -> Self {
        Self { transport, endpoint, deadline }
    }

    /// How long this call may take: what it asks for itself, or the default, and never more than the call being
    /// served has left. `None` for a stream.
    fn budget(&self, request: &Request<Body>) -> Option<Duration> {
        if STREAMING.contains(request.uri().path()) {
            return None;
        }
        let asked = request.headers().get(GRPC_TIMEOUT).and_then(deadline::parse);
        let left =
            context::current_deadline().map(|end| end.saturating_duration_since(Instant::now()));
        let own = asked.unwrap_or(self.deadline);
        Some(left.map_or(own, |left| left.min(own)))
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let endpoint = self.endpoint.clone();
        self.transport.poll_ready(context).map_err(|error| explain(&endpoint, &error))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let budget = self.budget(&request);
        if let Some(budget) = budget {
            request.headers_mut().insert(GRPC_TIMEOUT, deadline::format(budget));
        }
        if let Some(context) = context::current() {
            pass_on(&context, &mut request);
        }
        let endpoint = self.endpoint.clone();
        let answer = self.transport.call(request);
        Box::pin(async move {
            let answer = match budget {
                None => answer.await,
                Some(budget) => match tokio::time::timeout(budget, answer).await {
                    Ok(answer) => answer,
                    Err(_) => return Err(expired(&endpoint, budget)),
                },
            };
            answer.map_err(|error| explain(&endpoint, &error))
        })
    }
}

/// The id and the trace of the call being served go on to the sibling; what the call sets itself stays.
fn pass_on(context: &CallContext, request: &mut Request<Body>) {
    let headers = request.headers_mut();
    headers.entry(context::REQUEST_ID).or_insert_with(|| context.request_id_header());
    headers.entry(context::TRACEPARENT).or_insert_with(|| context.parent_of_calls().to_header());
}

fn expired(endpoint: &str, budget: Duration) -> Status {
    late(format!("{endpoint} gave no answer within {} ms", budget.as_millis()))
}

fn late(message: String) -> Status {
    Failure::new(Kind::DeadlineExceeded, Reason::DeadlineExceeded, message).to_status()
}

/// What a transport error means to the caller.
fn explain(endpoint: &str, error: &(dyn Error + 'static)) -> Status {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.is::<tonic::TimeoutExpired>() {
            return late(format!("{endpoint} gave no answer in time"));
        }
        if let Some(status) = cause.downcast_ref::<Status>() {
            return status.clone();
        }
        causes.push(cause.to_string());
        next = cause.source();
    }
    let message = format!("cannot reach {endpoint}: {}", causes.join(": "));
    Failure::new(Kind::Unavailable, Reason::PeerUnreachable, message)
        .metadata("endpoint", endpoint)
        .to_status()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_the_contract_are_known_and_unary_calls_are_not_among_them() {
        assert!(STREAMING.contains("/causeway.registry.v1.RegistryService/Watch"));
        assert!(STREAMING.contains("/causeway.paths.v1.PathsService/ReportStatus"));
        assert!(!STREAMING.contains("/causeway.registry.v1.RegistryService/GetTenant"));
    }
}
