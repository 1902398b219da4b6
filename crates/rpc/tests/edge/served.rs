//! A server on port 0 whose handlers do what the request's name says.

use std::{net::SocketAddr, sync::Arc};

use futures::{StreamExt as _, stream};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use names::TenantName;
use prometheus_client::registry::Registry;
use proto::registry::v1::{
    GetTenantRequest, Tenant, WatchRequest, WatchResponse,
    registry_service_client::RegistryServiceClient,
    registry_service_server::{RegistryService, RegistryServiceServer},
};
use rpc::{
    Failure,
    access::{AccessTable, Guard},
    peer::{ListenerKind, PeerIdentity, PeerInfo},
    revocation::DenyList,
    server::{Edge, EdgeMetrics, Limits, Stack},
    tokens::{TokenEntry, TokenFile, TokenVerifier, token_sha256},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_rustls::TlsAcceptor;
use tonic::{
    Request, Response, Status,
    metadata::MetadataValue,
    transport::{Channel, Endpoint},
};
use tower::ServiceExt as _;

/// The token of `ops`, a VIEWER in `tenants/acme` and `tenants/slow` and nothing else.
pub(crate) const VIEWER: &str = "cwt_viewer";
/// The token of `root`, SYSTEM_ADMIN and ADMIN everywhere.
pub(crate) const ROOT: &str = "cwt_root";

/// A running server.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) denied: DenyList,
    pub(crate) tokens: TokenVerifier,
    /// Lets go the handlers that hold.
    pub(crate) release: Arc<Notify>,
    /// Tells when a handler began to hold.
    pub(crate) holding: Arc<Notify>,
    metrics: Registry,
}

/// How its connections look.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) listener: ListenerKind,
    pub(crate) identity: Option<Arc<PeerIdentity>>,
    /// Speaks TLS with this; plain without.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// Where `tenants/relay-x` is asked for as `tenants/x`.
    pub(crate) sibling: Option<rpc::client::Channel>,
}

pub(crate) const MAIN: Door =
    Door { listener: ListenerKind::Main, identity: None, tls: None, sibling: None };

impl Served {
    pub(crate) async fn start(limits: Limits) -> Self {
        Self::behind(MAIN, limits).await
    }

    pub(crate) async fn behind(door: Door, limits: Limits) -> Self {
        let (release, holding) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let denied = DenyList::new();
        let tokens = TokenVerifier::new(&token_file()).unwrap();
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let guard = Guard {
            denied: denied.clone(),
            tokens: tokens.clone(),
            now: Arc::new(move || now),
            expired_grace: jiff::SignedDuration::ZERO,
        };
        let mut metrics = Registry::default();
        let table = AccessTable::from_pool(&proto::POOL).unwrap();
        let stack = Stack::new(table, guard, limits, EdgeMetrics::register(&mut metrics));

        let handlers = Handlers {
            release: release.clone(),
            holding: holding.clone(),
            sibling: door.sibling.clone(),
        };
        let (_, health) = tonic_health::server::health_reporter();
        let routes =
            tonic::service::Routes::new(RegistryServiceServer::new(handlers)).add_service(health);
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(accept(socket, stack.around(routes), door));
        Self { address, denied, tokens, release, holding, metrics }
    }

    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy()
    }

    /// Reads `tenants/<id>` with a token.
    pub(crate) async fn get(&self, token: &str, id: &str) -> Result<Response<Tenant>, Status> {
        self.get_request(as_token(token, get(id))).await
    }

    pub(crate) async fn get_request(
        &self,
        request: Request<GetTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        RegistryServiceClient::new(self.channel()).get_tenant(request).await
    }

    pub(crate) async fn watch(
        &self,
        token: &str,
        parent: &str,
    ) -> Result<tonic::Streaming<WatchResponse>, Status> {
        let request = WatchRequest { parent: parent.to_owned(), ..Default::default() };
        let mut client = RegistryServiceClient::new(self.channel());
        Ok(client.watch(as_token(token, Request::new(request))).await?.into_inner())
    }

    /// Calls a path with bare HTTP/2 and no timer on this side; gives the refusal.
    pub(crate) async fn call_bare(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        message: &impl prost::Message,
    ) -> Status {
        let stream = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        let (mut sender, connection) = builder.handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let mut request = http::Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let message = message.encode_to_vec();
        let length = u32::try_from(message.len()).unwrap();
        let frame = [&[0], length.to_be_bytes().as_slice(), &message].concat();
        let body = http_body_util::Full::new(bytes::Bytes::from(frame));
        let answer = sender.send_request(request.body(body).unwrap()).await.unwrap();
        Status::from_header_map(answer.headers()).expect("a refusal without a body")
    }

    /// The value of a metric line that begins so.
    pub(crate) fn metric(&self, line: &str) -> Option<String> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics).unwrap();
        let found = text.lines().find(|found| found.starts_with(line))?;
        found.rsplit(' ').next().map(str::to_owned)
    }
}

pub(crate) fn get(id: &str) -> Request<GetTenantRequest> {
    Request::new(GetTenantRequest { name: format!("tenants/{id}"), read_time: None })
}

pub(crate) fn as_token<T>(token: &str, mut request: Request<T>) -> Request<T> {
    let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// The labels of a method of the test's service, as a metric line begins.
pub(crate) fn labels(metric: &str, method: &str) -> String {
    format!("{metric}{{service=\"causeway.registry.v1.RegistryService\",method=\"{method}\"")
}

fn token_file() -> TokenFile {
    let entry = |name: &str, token: &str| TokenEntry {
        name: name.to_owned(),
        sha256: token_sha256(token),
        roles: Vec::new(),
        tenants: Default::default(),
    };
    let viewer = || vec!["VIEWER".to_owned()];
    let mut ops = entry("ops", VIEWER);
    for tenant in ["acme", "hold", "panic", "slow"] {
        ops.tenants.insert(tenant.to_owned(), viewer());
    }
    let mut root = entry("root", ROOT);
    root.roles = vec!["SYSTEM_ADMIN".to_owned(), "ADMIN".to_owned()];
    TokenFile { tokens: vec![ops, root] }
}

async fn accept(socket: TcpListener, edge: Edge, door: Door) {
    while let Ok((stream, remote)) = socket.accept().await {
        let info = PeerInfo { remote, listener: door.listener, identity: door.identity.clone() };
        let app = edge.clone().map_request(move |mut request: http::Request<_>| {
            request.extensions_mut().insert(info.clone());
            request.map(tonic::body::Body::new::<hyper::body::Incoming>)
        });
        let tls = door.tls.clone();
        tokio::spawn(async move {
            let connection = auto::Builder::new(TokioExecutor::new()).http2_only();
            let app = TowerToHyperService::new(app);
            let _ = match tls {
                None => connection.serve_connection(TokioIo::new(stream), app).await,
                Some(tls) => match TlsAcceptor::from(tls).accept(stream).await {
                    Ok(stream) => connection.serve_connection(TokioIo::new(stream), app).await,
                    Err(_) => Ok(()),
                },
            };
        });
    }
}

struct Handlers {
    release: Arc<Notify>,
    holding: Arc<Notify>,
    sibling: Option<rpc::client::Channel>,
}

impl Handlers {
    /// Asks the sibling on behalf of the call being served.
    async fn relay(&self, id: &str) -> Result<Response<Tenant>, Status> {
        let sibling = self.sibling.clone().expect("this server has a sibling");
        RegistryServiceClient::new(sibling).get_tenant(as_token(ROOT, get(id))).await
    }
}

#[tonic::async_trait]
impl RegistryService for Handlers {
    async fn get_tenant(
        &self,
        request: Request<GetTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        let caller = rpc::access::caller(&request)?;
        let name: TenantName = request.get_ref().name.parse().unwrap();
        let tenant = caller.authorise(&name)?;
        match tenant.tenant.as_str() {
            "panic" => panic!("the handler met a defect"),
            "hold" => {
                self.holding.notify_one();
                self.release.notified().await;
            }
            "slow" => std::future::pending().await,
            id if id.starts_with("relay-") => return self.relay(&id[6..]).await,
            "missing" => return Err(Failure::not_found(TenantName::TYPE, &*tenant).into()),
            _ => {}
        }
        let context = rpc::context::current().unwrap();
        Ok(Response::new(Tenant {
            name: tenant.to_string(),
            display_name: context.request_id.to_string(),
            description: context.trace.trace_id(),
            etag: context.deadline.unwrap().remaining().as_millis().to_string(),
            ..Default::default()
        }))
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<tonic::codegen::BoxStream<WatchResponse>>, Status> {
        let caller = rpc::access::caller(&request)?;
        let scope = caller.authorise_scope(&request.get_ref().parent)?;
        let first = stream::iter([Ok(WatchResponse::default())]);
        let panicking = scope.to_string() == "tenants/panic";
        let release = self.release.clone();
        let rest = stream::once(async move {
            release.notified().await;
            if panicking {
                panic!("the stream met a defect");
            }
            caller.still_valid()?;
            Ok(WatchResponse::default())
        });
        Ok(Response::new(Box::pin(first.chain(rest))))
    }
}
