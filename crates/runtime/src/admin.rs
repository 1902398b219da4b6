//! The admin port: plaintext, for probes and scrapers on the same machine or pod network.
//!
//! Owns: `GET /livez` (200 while nothing vital has failed), `/readyz` (200 when SERVING, else 503 with the
//! reasons), `/metrics` (OpenMetrics), and `grpc.health.v1` without TLS, since Kubernetes' gRPC probes speak none.
//! Always holds: it shows no tenant's data, changes nothing, and stays up while the process drains.
//! Absent on purpose: identity and profiling. Bind it to loopback or the pod network only.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tonic::{body::Body, service::Routes};
use tower::Service as _;

use crate::{health::Health, health::health_service, metrics, metrics::Registry, tasks::Tasks};

/// Open connections: probes and scrapers are few, and a connection too many waits.
const MAX_CONNECTIONS: usize = 64;
/// Time for the headers of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Calls at one time on one connection.
const MAX_STREAMS: u32 = 16;

/// A bound admin port.
#[derive(Debug)]
pub struct Admin {
    socket: TcpListener,
    address: SocketAddr,
}

/// What the admin port shows.
#[derive(Clone, Debug)]
struct View {
    health: Health,
    metrics: Registry,
    tasks: Tasks,
    grpc: Routes,
}

impl Admin {
    /// Binds `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be bound; the message names it.
    pub async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address} (admin); free the port or configure another")
        })?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Where it listens; never port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `end`.
    pub async fn serve(
        self,
        health: Health,
        metrics: Registry,
        tasks: Tasks,
        end: CancellationToken,
    ) {
        let grpc = Routes::new(health_service(health.clone(), end.clone()));
        let view = View { health, metrics, tasks: tasks.clone(), grpc };
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            // The semaphore is never closed.
            let Ok(permit) = places.clone().acquire_owned().await else { return };
            let stream = tokio::select! {
                () = end.cancelled() => return,
                accepted = self.socket.accept() => accepted,
            };
            let Ok((stream, _)) = stream else { continue };
            let work = converse(stream, view.clone(), end.clone());
            tasks.spawn("admin-connection", async move {
                work.await;
                drop(permit);
            });
        }
    }
}

async fn converse(stream: TcpStream, view: View, end: CancellationToken) {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    http.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
    let app = tower::service_fn(move |request| answer(view.clone(), request));
    let service = TowerToHyperService::new(app);
    let connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        () = end.cancelled() => {}
        end = connection => {
            if let Err(error) = end {
                tracing::debug!(error, "an admin connection ended with an error");
            }
        }
    }
}

async fn answer(mut view: View, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    const TEXT: &str = "text/plain; charset=utf-8";
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/livez" if is_read => Ok(match view.tasks.failure() {
            None => reply(StatusCode::OK, TEXT, "alive\n".to_owned()),
            Some(failure) => reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, failure + "\n"),
        }),
        "/readyz" if is_read => {
            let obstacles = view.health.obstacles();
            let code =
                if obstacles.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            let text = if obstacles.is_empty() { "ready".to_owned() } else { obstacles.join("\n") };
            Ok(reply(code, TEXT, text + "\n"))
        }
        "/metrics" if is_read => {
            Ok(reply(StatusCode::OK, metrics::CONTENT_TYPE, view.metrics.encode()))
        }
        path if path.starts_with("/grpc.health.v1.Health/") => view.grpc.call(request).await,
        _ => {
            let text = "the admin port has /livez, /readyz, /metrics and grpc.health.v1\n";
            Ok(reply(StatusCode::NOT_FOUND, TEXT, text.to_owned()))
        }
    }
}

fn reply(code: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(Bytes::from(text))));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
