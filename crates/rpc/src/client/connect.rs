//! Where a channel leads, and how its connections are made.

use std::{io, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Endpoint, Uri};

use super::Channel;

/// Longest time to make a connection, TLS included: beyond it the peer is treated as gone.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Deadline of a unary call that nobody gave one: an interactive caller has given up by then.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// How often an idle connection is tested, so that a silent peer is noticed before the next call.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long the answer to such a test may take.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a channel leads and whom it believes.
#[derive(Clone)]
pub struct ClientConfig {
    /// `https://host:port`.
    pub endpoint: String,
    /// TLS with our certificate, if we show one, and the roots we believe; both may be live. ALPN must hold `h2`.
    pub tls: Arc<rustls::ClientConfig>,
    /// Deadline of unary calls that have no smaller one. Default [`DEFAULT_DEADLINE`].
    pub deadline: Duration,
}

impl ClientConfig {
    /// With the default deadline.
    pub fn new(endpoint: impl Into<String>, tls: Arc<rustls::ClientConfig>) -> Self {
        Self { endpoint: endpoint.into(), tls, deadline: DEFAULT_DEADLINE }
    }
}

/// Why an endpoint cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{endpoint}` is not an endpoint: {problem}; write `https://host:port`")]
pub struct ConnectError {
    endpoint: String,
    problem: &'static str,
}

/// Makes a channel. Nothing is dialled before the first call; a broken connection is made anew by the next one.
///
/// # Errors
/// [`ConnectError`] when the endpoint is not `https://host:port`.
pub fn connect(config: &ClientConfig) -> Result<Channel, ConnectError> {
    let wrong = |problem| ConnectError { endpoint: config.endpoint.clone(), problem };
    let uri: Uri = config.endpoint.parse().map_err(|_| wrong("it is not a URI"))?;
    if uri.scheme_str() != Some("https") {
        return Err(wrong("its scheme is not https"));
    }
    let host = uri.host().ok_or_else(|| wrong("it has no host"))?.trim_matches(['[', ']']);
    let port = uri.port_u16().ok_or_else(|| wrong("it has no port"))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| wrong("its host is no name"))?;
    let dialler =
        Dialler { host: host.to_owned(), port, name, tls: TlsConnector::from(config.tls.clone()) };
    let transport = Endpoint::from(uri)
        // The channel speaks TLS itself: tonic must not, and refuses `https` without its own TLS.
        .origin(config.endpoint.parse().map_err(|_| wrong("it is not a URI"))?)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
            let dialler = dialler.clone();
            async move { dialler.dial().await.map(TokioIo::new) }
        }));
    Ok(Channel::new(transport, config.endpoint.as_str().into(), config.deadline))
}

#[derive(Clone)]
struct Dialler {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: TlsConnector,
}

impl Dialler {
    async fn dial(self) -> io::Result<TlsStream<TcpStream>> {
        let connection = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            stream.set_nodelay(true)?;
            self.tls.connect(self.name, stream).await
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, connection).await {
            Ok(outcome) => outcome,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()),
            )),
        }
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;

    #[test]
    fn an_endpoint_leads_somewhere_or_is_refused_with_the_form() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _inside = runtime.enter();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let tls = Arc::new(tls);
        let words = ["https://", "http://", "[::1]", ":7443", "@", "%25"];
        trial::target!("endpoints").words(&words).costs(2).run_on_text(|text| {
            let made = connect(&ClientConfig::new(text, tls.clone()));
            if let Err(error) = &made {
                assert!(error.to_string().contains("https://host:port"), "{error}");
            }
            made
        });
    }
}
