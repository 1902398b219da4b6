//! A listener on port 0 with a fresh PKI, and clients for it.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Frame, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use names::{SpiffeId, TenantName, TrustDomain};
use rpc::peer::{ListenerKind, PeerInfo};
use runtime::{
    Clock,
    clock::ManualClock,
    identity::{
        CertificateAuthority, LEAF_LIFETIME, PublicKey, ServiceIdentity, SystemPki, TrustBundles,
        Validity, client_tls,
    },
    listener::{Drain, Limits, Listener, ListenerMetrics, ServerTls, Serving, serve},
    metrics::Registry,
    tasks::Tasks,
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, sync::broadcast};
use tokio_rustls::TlsConnector;
use tonic::body::Body;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// A served listener and everything around it.
pub(crate) struct World {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) pki: SystemPki,
    pub(crate) clock: Clock,
    pub(crate) hand: ManualClock,
    pub(crate) trust: TrustBundles,
    pub(crate) identity: ServiceIdentity,
    pub(crate) metrics: Registry,
    pub(crate) tasks: Tasks,
    pub(crate) drain: Drain,
    pub(crate) address: SocketAddr,
    /// Ends the open streams of the application.
    pub(crate) end_streams: broadcast::Sender<()>,
    pub(crate) served: tokio::task::JoinHandle<()>,
}

/// What differs from a plain main listener.
pub(crate) struct Options {
    pub(crate) kind: ListenerKind,
    pub(crate) limits: Limits,
    pub(crate) grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { kind: ListenerKind::Main, limits: Limits::default(), grace: Duration::ZERO }
    }
}

pub(crate) fn domain() -> TrustDomain {
    TrustDomain::parse("test.example").unwrap()
}

pub(crate) async fn world(options: Options) -> World {
    let directory = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::manual("2026-03-01T00:00:00Z".parse().unwrap());
    let pki = SystemPki::init(&directory.path().join("pki"), &domain(), &[], clock.now()).unwrap();
    let identity = pki.identity("registry").unwrap();
    let trust = pki.bundles(&identity).unwrap();
    let (metrics, drain) = (Registry::new(), Drain::default());
    let tasks = Tasks::new(&metrics);
    let tls = match options.kind {
        ListenerKind::Main => {
            let (identity, trust) = (identity.clone(), trust.clone());
            ServerTls::main(identity, trust, options.grace, true, &clock).unwrap()
        }
        ListenerKind::Enrolment => ServerTls::enrolment(identity.clone(), &clock).unwrap(),
    };
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), options.kind).await.unwrap();
    let address = listener.address();
    let serving = Serving {
        tls,
        limits: options.limits,
        metrics: ListenerMetrics::new(&metrics),
        tasks: tasks.clone(),
        drain: drain.clone(),
    };
    let (end_streams, _) = broadcast::channel(1);
    let app = {
        let end_streams = end_streams.clone();
        tower::service_fn(move |request| answer(request, end_streams.clone()))
    };
    let served = tokio::spawn(serve(listener, serving, app));
    World {
        directory,
        pki,
        clock,
        hand,
        trust,
        identity,
        metrics,
        tasks,
        drain,
        address,
        end_streams,
        served,
    }
}

type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// `/whoami` answers with the peer's identity; `/stream` opens and stays open until it is ended.
async fn answer(
    request: Request<Body>,
    end_streams: broadcast::Sender<()>,
) -> Result<Reply, Infallible> {
    let peer = request.extensions().get::<PeerInfo>().expect("every request has a peer");
    let name = peer.identity.as_ref().map_or("nobody".to_owned(), |id| id.spiffe.to_string());
    let first = Frame::data(Bytes::from(name));
    let body = if request.uri().path() == "/stream" {
        let mut ended = end_streams.subscribe();
        let frames =
            futures::stream::once(async { Ok(first) }).chain(futures::stream::once(async move {
                ended.recv().await.ok();
                Ok(Frame::data(Bytes::from_static(b"bye")))
            }));
        StreamBody::new(frames).boxed_unsync()
    } else {
        StreamBody::new(futures::stream::iter([Ok(first)])).boxed_unsync()
    };
    Ok(Response::builder().status(StatusCode::OK).body(body).unwrap())
}

use futures::StreamExt as _;

pub(crate) type Client = SendRequest<Empty<Bytes>>;

impl World {
    /// A fresh authority for a tenant, believed from now on.
    pub(crate) fn tenant(&self, id: &str) -> CertificateAuthority {
        let ca = CertificateAuthority::create(id, self.clock.now(), 3650 * DAY).unwrap();
        let name: TenantName = format!("tenants/{id}").parse().unwrap();
        self.trust.set_tenant(name, vec![ca.certificate().clone()]).unwrap();
        ca
    }

    pub(crate) fn client_tls(&self, identity: Option<ServiceIdentity>) -> Arc<ClientConfig> {
        client_tls(identity, self.trust.clone(), &self.clock).unwrap()
    }

    /// A client that has connected and shaken hands as `identity`.
    pub(crate) async fn connect(
        &self,
        identity: Option<ServiceIdentity>,
    ) -> anyhow::Result<Client> {
        connect(self.address, self.client_tls(identity)).await
    }

    /// Connects and asks who we are: the answer, or why there is none.
    pub(crate) async fn whoami(&self, identity: Option<ServiceIdentity>) -> anyhow::Result<String> {
        whoami(&mut self.connect(identity).await?).await
    }

    /// Waits until a line stands in the metrics.
    pub(crate) async fn metric(&self, line: &str) {
        eventually(line, || self.metrics.encode().contains(line)).await;
    }
}

/// A connector's pair, signed by `ca`.
pub(crate) fn connector(ca: &CertificateAuthority, name: &str, now: Timestamp) -> ServiceIdentity {
    leaf(ca, &format!("spiffe://test.example/{name}"), now)
}

pub(crate) fn leaf(ca: &CertificateAuthority, spiffe: &str, now: Timestamp) -> ServiceIdentity {
    let key = rcgen::KeyPair::generate().unwrap();
    let public = rcgen::PublicKeyData::subject_public_key_info(&key);
    let spiffe: SpiffeId = spiffe.parse().unwrap();
    let validity = Validity::starting(now, LEAF_LIFETIME);
    let leaf = ca.sign_leaf(&PublicKey::from_der(&public).unwrap(), &spiffe, validity).unwrap();
    ServiceIdentity::from_pem(&pem(&leaf.certificate), &key.serialize_pem()).unwrap()
}

pub(crate) fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

pub(crate) async fn connect(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> anyhow::Result<Client> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost")?;
    let stream = TlsConnector::from(config).connect(name, stream).await?;
    let (client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(client)
}

pub(crate) async fn get(
    client: &mut Client,
    path: &str,
) -> anyhow::Result<Response<hyper::body::Incoming>> {
    client.ready().await?;
    let request = Request::get(format!("https://localhost{path}")).body(Empty::new())?;
    Ok(client.send_request(request).await?)
}

pub(crate) async fn whoami(client: &mut Client) -> anyhow::Result<String> {
    let body = get(client, "/whoami").await?.into_body().collect().await?;
    Ok(String::from_utf8(body.to_bytes().to_vec())?)
}

/// Waits for a condition; a test that waits in vain says for what.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = tokio::time::Instant::now() + Duration::from_secs(10);
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    while !holds() {
        assert!(looks.tick().await < limit, "waited in vain: {what}");
    }
}
