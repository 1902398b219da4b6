//! One peer: handshake, identity, HTTP, end.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, future::Either};
use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use rpc::peer::{ListenerKind, PeerIdentity, PeerInfo};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::body::Body;
use tower::{BoxError, Service, ServiceExt};

use super::{Serving, handshakes::Turn, watched::Received, watched::Watched};
use crate::identity::{ALPN_HTTP1, read_leaf};

/// One accepted socket on its way.
pub(super) struct Connection {
    pub(super) serving: Serving,
    pub(super) kind: ListenerKind,
    /// The other end.
    pub(super) remote: SocketAddr,
    /// Running number at its listener.
    pub(super) nth: u64,
}

impl Connection {
    pub(super) async fn run<S, B>(self, stream: TcpStream, turn: Turn, app: S)
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let remote = self.remote;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%remote, %error, "no TCP_NODELAY; replies may be late");
        }
        let _open = self.serving.metrics.open(self.kind);
        let stream = tokio::select! {
            () = self.serving.drain.stop.cancelled() => return,
            stream = self.handshake(stream, turn) => stream,
        };
        let Some(stream) = stream else { return };
        let identity = identity_of(&stream);
        tracing::debug!(%remote, ?identity, "connected");
        let peer = PeerInfo { remote, listener: self.kind, identity: identity.map(Arc::new) };
        self.converse(stream, peer, app).await;
    }

    /// Waits for its turn and then does the handshake. The wait needs no limit of its own: the number of waiting connections is
    /// limited, and so is the time of each turn.
    async fn handshake(&self, stream: TcpStream, mut turn: Turn) -> Option<TlsStream<TcpStream>> {
        let (remote, listener) = (self.remote, self.kind);
        if !turn.comes().await {
            self.serving.metrics.refused(listener, "crowded");
            return None;
        }
        let start = Instant::now();
        let acceptor = TlsAcceptor::from(self.serving.tls.0.clone());
        let shaking = timeout(self.serving.limits.handshake_timeout, acceptor.accept(stream));
        let shaken = tokio::select! {
            () = turn.taken() => Err("crowded"),
            shaken = shaking => match shaken {
                Ok(Ok(stream)) => Ok((stream, start.elapsed())),
                Ok(Err(error)) => {
                    tracing::info!(%remote, ?listener, %error, "TLS handshake refused");
                    Err("tls")
                }
                Err(_) => {
                    tracing::info!(%remote, ?listener, "TLS handshake took too long");
                    Err("timeout")
                }
            },
        };
        match shaken {
            Ok((stream, took)) => {
                self.serving.metrics.accepted(listener, took);
                Some(stream)
            }
            Err(reason) => {
                self.serving.metrics.refused(listener, reason);
                None
            }
        }
    }

    /// HTTP until the peer leaves, the process drains, or the connection is too old or too silent.
    async fn converse<S, B>(&self, stream: TlsStream<TcpStream>, peer: PeerInfo, app: S)
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let limits = &self.serving.limits;
        let drain = &self.serving.drain;
        let http1 = stream.get_ref().1.alpn_protocol() == Some(ALPN_HTTP1);
        let (stream, received) = Watched::new(stream);
        let http = limits.http(http1);
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer.clone());
            call_at_once(app.clone(), request)
        });
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let mut silence = pin!(silence(http1, received, limits.first_bytes_timeout));
        let mut age = pin!(sleep(limits.age_of(self.nth)));
        let mut ending = false;
        loop {
            tokio::select! {
                end = connection.as_mut() => {
                    if let Err(error) = end {
                        tracing::debug!(error, "a connection ended with an error");
                    }
                    return;
                }
                () = silence.as_mut() => return self.serving.metrics.refused(self.kind, "silent"),
                () = drain.abort.cancelled() => return,
                () = drain.stop.cancelled(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = age.as_mut(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Calls `app` now if it is ready. hyper makes a task of what this returns, and the task waits for its turn; `app` must know
/// of the call before that.
fn call_at_once<S, R>(mut app: S, request: R) -> impl Future<Output = Result<S::Response, S::Error>>
where
    S: Service<R>,
{
    match app.ready().now_or_never() {
        Some(Ok(ready)) => Either::Left(ready.call(request)),
        _ => Either::Right(app.oneshot(request)),
    }
}

/// Ends when the peer has not sent its preface in time; never, if it has. (HTTP/1 has a limit of hyper's own.)
async fn silence(http1: bool, received: Received, limit: Duration) {
    if !http1 {
        sleep(limit).await;
        if !received.preface() {
            return;
        }
    }
    std::future::pending().await
}

/// The identity of the peer that the handshake has proven.
fn identity_of(stream: &TlsStream<TcpStream>) -> Option<PeerIdentity> {
    let leaf = stream.get_ref().1.peer_certificates()?.first()?;
    // The verifier has read it before, and refuses what it cannot read.
    let leaf = read_leaf(leaf).ok()?;
    Some(PeerIdentity {
        spiffe: leaf.spiffe,
        serial: leaf.serial,
        not_after: leaf.not_after,
        public_key_sha256: leaf.public_key_sha256,
    })
}
