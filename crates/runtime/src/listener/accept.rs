//! The accept loop.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::body::Body;
use tower::{BoxError, Service};

use super::{
    Limits, Listener, ListenerMetrics, ServerTls, connection::Connection, handshakes::Handshakes,
};
use crate::tasks::Tasks;

/// Pause after an accept that failed for lack of file handles or memory: long enough for some to be freed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a listener is told to end.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    /// Take no new connections, ask the open ones to finish.
    pub stop: CancellationToken,
    /// Cut what is still open.
    pub abort: CancellationToken,
}

/// What a listener serves with.
#[derive(Clone, Debug)]
pub struct Serving {
    /// TLS of the listener.
    pub tls: ServerTls,
    /// Its limits.
    pub limits: Limits,
    /// Its counters.
    pub metrics: ListenerMetrics,
    /// Where connections run.
    pub tasks: Tasks,
    /// How it is told to end.
    pub drain: Drain,
}

/// Serves `app` on `listener` until [`Drain::stop`], then returns when every connection has ended.
pub async fn serve<S, B>(listener: Listener, serving: Serving, app: S)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Serving { drain, limits, tasks, metrics, .. } = &serving;
    let connections = TaskTracker::new();
    let handshakes = Handshakes::new(limits.handshakes, limits.waiting_handshakes);
    let mut nth = 0;
    loop {
        let (stream, remote) = tokio::select! {
            () = drain.stop.cancelled() => break,
            accepted = accept(&listener) => accepted,
        };
        if connections.len() >= limits.connections {
            metrics.refused(listener.kind, "cap");
            continue;
        }
        let Some(turn) = handshakes.enter(remote.ip()) else {
            metrics.refused(listener.kind, "crowded");
            continue;
        };
        nth += 1;
        let connection = Connection { serving: serving.clone(), kind: listener.kind, remote, nth };
        let work = connection.run(stream, turn, app.clone());
        tasks.spawn("connection", connections.track_future(work));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The next connection; an error of accepting concerns one peer, or passes.
async fn accept(listener: &Listener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.socket.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed; trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_the_peer(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
