//! The process under test and who calls it.

use std::{future::Future, path::PathBuf, time::Duration};

use jiff::Timestamp;
use proto::updates::v1::{
    GetUpdateScheduleRequest, UpdateSchedule, updates_service_client::UpdatesServiceClient,
};
use rpc::{
    client::{ClientConfig, connect},
    tokens::{TokenEntry, TokenFile, token_sha256},
};
use runtime::{
    Clock, ManualClock,
    identity::{SystemPki, client_tls},
    process::{Plan, Running, Settings},
};
use tempfile::TempDir;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
};

use crate::registry::{Registry, Told, ToldConfig};

/// A Monday.
pub(crate) const MONDAY: &str = "2026-11-23T14:00:00Z";
/// Writes everywhere.
pub(crate) const ADMIN: &str = "cwt_admin";
/// Reads in `tenants/acme`.
pub(crate) const VIEWER: &str = "cwt_viewer";
/// Administers another tenant.
pub(crate) const STRANGER: &str = "cwt_stranger";

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) type Client = UpdatesServiceClient<InterceptedService<rpc::client::Channel, Bearer>>;

/// Where processes under test live, one after the other.
pub(crate) struct Ground {
    pub(crate) told: Told,
    pub(crate) clock: Clock,
    pub(crate) hands: ManualClock,
    pub(crate) config: updates::Config,
    directory: TempDir,
    settings: Settings,
}

/// A process that serves.
pub(crate) struct Serving {
    running: Running,
    clock: Clock,
}

pub(crate) fn ground() -> Ground {
    let (clock, hands) = Clock::manual(MONDAY.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let domain = names::TrustDomain::parse("test.example").unwrap();
    let mut settings = Settings::default();
    settings.identity.directory = directory.path().join("pki");
    settings.server.balancer_wait = Duration::ZERO;
    let tokens = directory.path().join("tokens.toml");
    std::fs::write(&tokens, toml::to_string(&token_file()).unwrap()).unwrap();
    settings.access.token_file = Some(tokens);
    SystemPki::init(&settings.identity.directory, &domain, &[], clock.now()).unwrap();
    let config = updates::Config::default();
    Ground { told: Told::default(), clock, hands, config, directory, settings }
}

fn token_file() -> TokenFile {
    let entry = |name: &str, token, roles: &[&str], tenants: &[(&str, &str)]| TokenEntry {
        name: name.into(),
        sha256: token_sha256(token),
        roles: roles.iter().map(ToString::to_string).collect(),
        tenants: tenants.iter().map(|(t, role)| (t.to_string(), vec![role.to_string()])).collect(),
    };
    let tokens = vec![
        entry("admin", ADMIN, &["ADMIN", "SYSTEM_ADMIN"], &[]),
        entry("viewer", VIEWER, &[], &[("acme", "VIEWER")]),
        entry("stranger", STRANGER, &[], &[("other", "ADMIN")]),
    ];
    TokenFile { tokens }
}

impl Ground {
    /// Updates beside a registry, ready.
    pub(crate) async fn start(&self) -> Serving {
        let mut settings = self.settings.clone();
        settings.peers.registry = String::new();
        let plan = Plan::new(settings, self.clock.clone())
            .host::<Registry>(ToldConfig { told: self.told.clone() });
        self.serve(plan).await
    }

    /// Updates alone; nobody listens where registry should be.
    pub(crate) async fn start_alone(&self) -> Serving {
        let mut settings = self.settings.clone();
        settings.peers.registry = "https://localhost:1".into();
        self.serve(Plan::new(settings, self.clock.clone())).await
    }

    /// Where updates keeps its store.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("updates")
    }

    async fn serve(&self, plan: Plan) -> Serving {
        let mut config = self.config.clone();
        config.store.data_dir = self.data_dir();
        let running = plan.host::<updates::App>(config).start().await.unwrap();
        tokio::time::timeout(PATIENCE, running.health().ready()).await.expect("it gets ready");
        Serving { running, clock: self.clock.clone() }
    }
}

impl Serving {
    /// Clients of a caller.
    pub(crate) fn client(&self, token: &str) -> Client {
        let tls = client_tls(None, self.running.trust().clone(), &self.clock).unwrap();
        let port = self.running.addresses().main.port();
        let channel = connect(&ClientConfig::new(format!("https://localhost:{port}"), tls));
        let bearer = Bearer(format!("Bearer {token}").parse().unwrap());
        UpdatesServiceClient::new(InterceptedService::new(channel.unwrap(), bearer))
    }

    pub(crate) fn is_serving(&self, name: &str) -> Option<bool> {
        self.running.health().is_serving(name)
    }

    pub(crate) fn admin(&self) -> Client {
        self.client(ADMIN)
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }
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

pub(crate) fn schedule_name(id: &str) -> String {
    format!("tenants/acme/appConnectorGroups/{id}/updateSchedule")
}

pub(crate) async fn get(client: &mut Client, id: &str) -> Result<UpdateSchedule, Status> {
    let request = GetUpdateScheduleRequest { name: schedule_name(id), read_time: None };
    Ok(client.get_update_schedule(request).await?.into_inner())
}

pub(crate) fn time(text: &str) -> Option<prost_types::Timestamp> {
    Some(rpc::time::to_proto(text.parse::<Timestamp>().unwrap()))
}

/// Looks until the condition holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    let mut looks = tokio::time::interval(LOOK);
    let looking = async {
        while !look().await {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("never: {what}"));
}
