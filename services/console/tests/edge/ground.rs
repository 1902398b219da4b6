//! The process under test and who calls it.

use std::{future::Future, time::Duration};

use proto::overview::v1::{
    AppConnectorGroupOverview, GetAppConnectorGroupOverviewRequest, Source, SourceState,
    overview_service_client::OverviewServiceClient,
};
use rpc::{
    client::{ClientConfig, connect},
    tokens::{TokenEntry, TokenFile, token_sha256},
};
use runtime::{
    Clock,
    identity::{SystemPki, client_tls},
    process::{Plan, Running, Settings},
};
use tempfile::TempDir;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
};

use crate::{
    siblings::{Paths, Provisioning, Registry, Updates, WorldConfig},
    world::{World, group_name},
};

/// Reads in `tenants/acme`.
pub(crate) const VIEWER: &str = "cwt_viewer";
/// Reads everywhere.
pub(crate) const AUDITOR: &str = "cwt_auditor";
/// Administers the installation.
pub(crate) const ROOT: &str = "cwt_root";
/// Administers another tenant.
pub(crate) const STRANGER: &str = "cwt_stranger";

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(5);
/// How long a row waits for a sibling here.
const SIBLING_DEADLINE: Duration = Duration::from_millis(200);

pub(crate) type Client = OverviewServiceClient<InterceptedService<rpc::client::Channel, Bearer>>;

/// A console with its siblings, ready.
pub(crate) struct Serving {
    pub(crate) world: World,
    running: Running,
    clock: Clock,
    _directory: TempDir,
}

pub(crate) async fn serving(world: World) -> Serving {
    let clock = Clock::system();
    let directory = tempfile::tempdir().unwrap();
    let domain = names::TrustDomain::parse("test.example").unwrap();
    let mut settings = Settings::default();
    settings.identity.directory = directory.path().join("pki");
    settings.server.balancer_wait = Duration::ZERO;
    let peers = &mut settings.peers;
    for peer in [&mut peers.registry, &mut peers.provisioning, &mut peers.updates, &mut peers.paths]
    {
        peer.clear();
    }
    let tokens = directory.path().join("tokens.toml");
    std::fs::write(&tokens, toml::to_string(&token_file()).unwrap()).unwrap();
    settings.access.token_file = Some(tokens);
    SystemPki::init(&settings.identity.directory, &domain, &[], clock.now()).unwrap();
    let config = WorldConfig { world: world.clone() };
    let running = Plan::new(settings, clock.clone())
        .host::<Registry>(config.clone())
        .host::<Provisioning>(config.clone())
        .host::<Updates>(config.clone())
        .host::<Paths>(config)
        .host::<console::App>(console::Config { sibling_deadline: SIBLING_DEADLINE })
        .start()
        .await
        .unwrap();
    tokio::time::timeout(PATIENCE, running.health().ready()).await.expect("it gets ready");
    Serving { world, running, clock, _directory: directory }
}

fn token_file() -> TokenFile {
    let entry = |name: &str, token, roles: &[&str], tenants: &[(&str, &str)]| TokenEntry {
        name: name.into(),
        sha256: token_sha256(token),
        roles: roles.iter().map(ToString::to_string).collect(),
        tenants: tenants.iter().map(|(t, role)| (t.to_string(), vec![role.to_string()])).collect(),
    };
    let tokens = vec![
        entry("viewer", VIEWER, &[], &[("acme", "VIEWER")]),
        entry("auditor", AUDITOR, &["VIEWER"], &[]),
        entry("root", ROOT, &["SYSTEM_ADMIN"], &[]),
        entry("stranger", STRANGER, &[], &[("other", "ADMIN")]),
    ];
    TokenFile { tokens }
}

impl Serving {
    /// Clients of a caller.
    pub(crate) fn client(&self, token: &str) -> Client {
        let tls = client_tls(None, self.running.trust().clone(), &self.clock).unwrap();
        let port = self.running.addresses().main.port();
        let channel = connect(&ClientConfig::new(format!("https://localhost:{port}"), tls));
        let bearer = Bearer(format!("Bearer {token}").parse().unwrap());
        OverviewServiceClient::new(InterceptedService::new(channel.unwrap(), bearer))
    }

    /// One full row, as a viewer sees it.
    pub(crate) async fn row(&self, id: &str) -> Result<AppConnectorGroupOverview, Status> {
        let request = GetAppConnectorGroupOverviewRequest { name: group_name(id), view: 0 };
        let answer = self.client(VIEWER).get_app_connector_group_overview(request).await?;
        Ok(answer.into_inner())
    }

    /// Looks at a row until it is as wanted.
    pub(crate) async fn row_that(
        &self,
        what: &str,
        id: &str,
        mut wanted: impl FnMut(&AppConnectorGroupOverview) -> bool,
    ) -> AppConnectorGroupOverview {
        let mut looks = tokio::time::interval(LOOK);
        let looking = async {
            loop {
                match self.row(id).await {
                    Ok(row) if wanted(&row) => break row,
                    _ => drop(looks.tick().await),
                }
            }
        };
        patient(what, looking).await
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

async fn patient<T>(what: &str, looking: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Whether a source's columns are there, and which are not.
pub(crate) fn source(
    row: &AppConnectorGroupOverview,
    source: Source,
) -> (SourceState, Vec<String>) {
    let status = row.sources.iter().find(|it| it.source() == source).unwrap();
    (status.state(), status.missing_columns.clone())
}

pub(crate) fn reasons(row: &AppConnectorGroupOverview) -> Vec<&str> {
    row.conditions.iter().map(|condition| condition.reason.as_str()).collect()
}

/// Puts the token into each request.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}
