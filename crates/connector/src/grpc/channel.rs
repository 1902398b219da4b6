//! TLS connections to the control plane.

use std::{io, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::link::Refusal;

/// TCP and TLS must be done within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A ping keeps NAT entries alive and finds dead paths; half of the shortest NAT timeout in common use (30 s).
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// How long a ping may stay unanswered.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_PORT: u16 = 443;

/// A channel that connects when it is first used.
///
/// # Errors
/// [`Refusal`] if the endpoint is not `https://host:port`.
pub(crate) fn channel(endpoint: &str, tls: Arc<ClientConfig>) -> Result<Channel, Refusal> {
    let wrong = |_| Refusal {
        reason: "ENDPOINT_INVALID".into(),
        message: format!("`{endpoint}` is not `https://host:port`"),
        retry_after: None,
        transient: false,
    };
    let connector = tower::service_fn(move |uri: Uri| connect(uri, tls.clone()));
    Ok(Endpoint::from_shared(endpoint.to_owned())
        .map_err(wrong)?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_with_connector_lazy(connector))
}

async fn connect(
    uri: Uri,
    tls: Arc<ClientConfig>,
) -> io::Result<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>> {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let tcp = TcpStream::connect((host, uri.port_u16().unwrap_or(DEFAULT_PORT))).await?;
    tcp.set_nodelay(true)?;
    TlsConnector::from(tls).connect(name, tcp).await.map(TokioIo::new)
}
