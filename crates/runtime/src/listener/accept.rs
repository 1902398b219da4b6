//! The accept loop.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::{BoxError, Service};

use super::{Listener, Serving, connection::Connection, handshakes::Handshakes};

/// Pause after an accept that failed for lack of file handles or memory: long enough for some to be freed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` on `listener` until [`Drain::stop`](super::Drain::stop), then returns when every connection has ended.
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
