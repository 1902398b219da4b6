//! Services that do nothing but tell what happens to them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use hyper_util::rt::TokioIo;
use proto::{
    paths::v1::paths_service_server::{PathsService, PathsServiceServer},
    registry::v1::{
        GetServerInfoRequest, WatchRequest, WatchResponse,
        registry_service_server::{RegistryService, RegistryServiceServer},
    },
    r#type::v1::ServerInfo,
};
use runtime::{
    Clock,
    health::Hold,
    identity::{ServiceIdentity, SystemPki, client_tls},
    process::{Deps, Mounts, Plan, Running, Service, Settings, Shutdown},
};
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};

/// What happened to a toy, in order; and what a test makes it do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) events: Arc<Mutex<Vec<String>>>,
    /// What keeps it from serving, until a test takes and releases it.
    pub(crate) hold: Arc<Mutex<Option<Hold>>>,
    /// It says it is held when built.
    pub(crate) held: bool,
    /// Its watches ignore the end of the process.
    pub(crate) deaf: bool,
    /// It ends by itself, with this error.
    pub(crate) dies: Option<&'static str>,
    /// It never closes.
    pub(crate) hangs: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ToyConfig {
    #[serde(skip)]
    pub(crate) script: Script,
}

impl Script {
    pub(crate) fn tell(&self, event: impl Into<String>) {
        self.events.lock().unwrap().push(event.into());
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.events.lock().unwrap().clone()
    }
}

/// A registry that can say what it is, and be watched.
#[derive(Clone)]
pub(crate) struct Registry {
    script: Script,
    deps: Deps,
}

impl Service for Registry {
    const NAME: &'static str = "registry";
    const GRPC_SERVICES: &'static [&'static str] = &["causeway.registry.v1.RegistryService"];
    type Config = ToyConfig;

    async fn build(config: ToyConfig, deps: Deps) -> anyhow::Result<Self> {
        let script = config.script;
        if script.held {
            *script.hold.lock().unwrap() = Some(deps.health.hold("no snapshot yet"));
        }
        script.tell(format!("built; paths at {}", deps.peers.paths));
        Ok(Self { script, deps })
    }

    fn mount(&self, mounts: &mut Mounts) {
        mounts.main.add_service(RegistryServiceServer::new(self.clone()));
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        if let Some(reason) = self.script.dies {
            anyhow::bail!(reason);
        }
        shutdown.draining.cancelled().await;
        self.script.tell("draining");
        shutdown.workers.cancelled().await;
        if self.script.hangs {
            std::future::pending::<()>().await;
        }
        self.script.tell("closed");
        Ok(())
    }
}

#[tonic::async_trait]
impl RegistryService for Registry {
    async fn get_server_info(
        &self,
        _: Request<GetServerInfoRequest>,
    ) -> Result<Response<ServerInfo>, Status> {
        let about = self.deps.about;
        Ok(Response::new(ServerInfo {
            service: about.service.to_owned(),
            version: about.version.to_owned(),
            tzdb_version: about.tzdb_version.to_owned(),
            ..ServerInfo::default()
        }))
    }

    async fn watch(
        &self,
        _: Request<WatchRequest>,
    ) -> Result<Response<tonic::codegen::BoxStream<WatchResponse>>, Status> {
        let first = futures::stream::iter([Ok(WatchResponse::default())]);
        let (script, streams) = (self.script.clone(), self.deps.shutdown.streams.clone());
        let last = futures::stream::once(async move {
            if script.deaf {
                std::future::pending::<()>().await;
            }
            streams.cancelled().await;
            script.tell("stream ended");
            Err(Status::unavailable("the server is ending; resume elsewhere"))
        });
        Ok(Response::new(Box::pin(first.chain(last))))
    }
}

/// A second service, to share a process with.
#[derive(Clone)]
pub(crate) struct Paths;

impl Service for Paths {
    const NAME: &'static str = "paths";
    const GRPC_SERVICES: &'static [&'static str] = &["causeway.paths.v1.PathsService"];
    type Config = ToyConfig;

    async fn build(_: ToyConfig, _: Deps) -> anyhow::Result<Self> {
        Ok(Self)
    }

    fn mount(&self, mounts: &mut Mounts) {
        mounts.main.add_service(PathsServiceServer::new(self.clone()));
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        shutdown.workers.cancelled().await;
        Ok(())
    }
}

#[tonic::async_trait]
impl PathsService for Paths {}

/// A fresh PKI and settings on port 0.
pub(crate) struct Ground {
    pub(crate) pki: SystemPki,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) directory: tempfile::TempDir,
}

pub(crate) fn ground() -> Ground {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let domain = names::TrustDomain::parse("test.example").unwrap();
    let mut settings = Settings::default();
    settings.identity.directory = directory.path().join("pki");
    settings.server.balancer_wait = Duration::ZERO;
    settings.peers.paths = String::new();
    let pki = SystemPki::init(&settings.identity.directory, &domain, &[], clock.now()).unwrap();
    Ground { pki, settings, clock, directory }
}

impl Ground {
    pub(crate) fn plan(&self, script: &Script) -> Plan {
        let config = ToyConfig { script: script.clone() };
        Plan::new(self.settings.clone(), self.clock.clone()).host::<Registry>(config)
    }

    pub(crate) fn sibling(&self) -> ServiceIdentity {
        self.pki.identity("console").unwrap()
    }

    /// A client of the process's API.
    pub(crate) async fn channel(
        &self,
        running: &Running,
        identity: Option<ServiceIdentity>,
    ) -> Channel {
        let address = running.addresses().main;
        let tls = client_tls(identity, running.trust().clone(), &self.clock).unwrap();
        let connector = tower::service_fn(move |_: http::Uri| {
            let tls = TlsConnector::from(tls.clone());
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = ServerName::try_from("localhost").unwrap();
                Ok::<_, std::io::Error>(TokioIo::new(tls.connect(name, stream).await?))
            }
        });
        let endpoint = Endpoint::from_static("https://localhost");
        endpoint.connect_with_connector(connector).await.unwrap()
    }
}

/// The status code and body of a plain HTTP/1.1 GET.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (code, body)
}
