//! One registry on port 0 with a temporary store, and its callers.

use std::{collections::BTreeMap, fs, path::Path};

use names::TrustDomain;
use proto::{
    google::r#type::LatLng,
    registry::v1::{registry_service_client::RegistryServiceClient, *},
};
use rpc::{
    Failure, Kind,
    client::{self, Channel},
    tokens::{TokenEntry, TokenFile, token_sha256, token_text},
};
use runtime::{
    Clock,
    identity::{SystemPki, TrustBundles, client_tls},
    process::{Plan, Running, Settings},
};
use tempfile::TempDir;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
};

pub(crate) type Client = RegistryServiceClient<InterceptedService<Channel, Bearer>>;

/// A registry under test. Its directory outlives a restart.
pub(crate) struct Registry {
    running: Option<Running>,
    pki: SystemPki,
    tokens: BTreeMap<&'static str, String>,
    config: registry::Config,
    clock: Clock,
    directory: TempDir,
}

/// Callers that the token file knows: name, roles everywhere, roles in tenants.
type Known = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const CALLERS: [Known; 3] = [
    ("root", &["SYSTEM_ADMIN", "ADMIN"], &[]),
    ("acme-admin", &[], &[("acme", "ADMIN")]),
    ("acme-viewer", &[], &[("acme", "VIEWER")]),
];

impl Registry {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut registry::Config)) -> Self {
        Self::start_on(Clock::system(), change).await
    }

    pub(crate) async fn start_on(clock: Clock, change: impl FnOnce(&mut registry::Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let domain = TrustDomain::parse("causeway.test").unwrap();
        let now = Clock::system().now();
        let pki = SystemPki::init(&directory.path().join("pki"), &domain, &[], now).unwrap();
        let tokens = write_tokens(&directory.path().join("tokens.toml"));
        let data_dir = directory.path().join("store");
        let mut config = registry::Config::default();
        config.store.data_dir = data_dir;
        change(&mut config);
        let mut started = Self { running: None, pki, tokens, config, clock, directory };
        started.run().await;
        started
    }

    async fn run(&mut self) {
        let mut settings = Settings::default();
        settings.identity.directory = self.directory.path().join("pki");
        settings.access.token_file = Some(self.directory.path().join("tokens.toml"));
        settings.server.balancer_wait = std::time::Duration::ZERO;
        // Nobody listens there: provisioning is out of reach.
        settings.peers.provisioning = "https://localhost:1".to_owned();
        let plan = Plan::new(settings, self.clock.clone());
        let running = plan.host::<registry::App>(self.config.clone()).start().await.unwrap();
        running.health().ready().await;
        self.running = Some(running);
    }

    /// Ends the process as an operator does and starts it anew on the same store.
    pub(crate) async fn restart(&mut self) {
        self.running.take().unwrap().stop().await.unwrap();
        self.run().await;
    }

    /// A backup, as an operator takes it.
    pub(crate) async fn backup(&self) -> Vec<u8> {
        let mut chunks = self.root().backup(BackupRequest {}).await.unwrap().into_inner();
        let mut backup = Vec::new();
        while let Some(chunk) = chunks.message().await.unwrap() {
            backup.extend(chunk.chunk);
        }
        backup
    }

    /// Ends the process and starts it on a store that was restored from a backup.
    pub(crate) async fn restore(&mut self, backup: &[u8]) {
        self.running.take().unwrap().stop().await.unwrap();
        let place = tempfile::tempdir_in(self.directory.path()).unwrap().keep();
        std::fs::write(place.join("backup"), backup).unwrap();
        self.config.store.data_dir = place.join("store");
        store::restore(place.join("backup"), &self.config.store.data_dir).await.unwrap();
        self.run().await;
    }

    pub(crate) async fn stop(mut self) {
        self.running.take().unwrap().stop().await.unwrap();
    }

    /// The server's time.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.clock.now()
    }

    /// May do everything.
    pub(crate) fn root(&self) -> Client {
        self.caller("root")
    }

    /// A caller of the token file.
    pub(crate) fn caller(&self, name: &str) -> Client {
        let bearer = format!("Bearer {}", self.tokens[name]).parse().unwrap();
        self.client(None, Bearer(Some(bearer)))
    }

    /// A sibling, by its certificate.
    pub(crate) fn sibling(&self, service: &str) -> Client {
        self.client(Some(service), Bearer(None))
    }

    fn client(&self, service: Option<&str>, bearer: Bearer) -> Client {
        let domain = TrustDomain::parse("causeway.test").unwrap();
        let trust = TrustBundles::new(domain, self.pki.roots().unwrap()).unwrap();
        let identity = service.map(|name| self.pki.identity(name).unwrap());
        let tls = client_tls(identity, trust, &Clock::system()).unwrap();
        let port = self.running.as_ref().unwrap().addresses().main.port();
        let endpoint = client::ClientConfig::new(format!("https://localhost:{port}"), tls);
        let channel = client::connect(&endpoint).unwrap();
        RegistryServiceClient::new(InterceptedService::new(channel, bearer))
    }

    /// A tenant.
    pub(crate) async fn tenant(&self, id: &str) -> Tenant {
        let request = CreateTenantRequest {
            tenant_id: id.to_owned(),
            tenant: Some(Tenant { display_name: id.to_owned(), ..Tenant::default() }),
            ..CreateTenantRequest::default()
        };
        self.root().create_tenant(request).await.unwrap().into_inner()
    }

    /// A group of the tenant `acme` in Berlin.
    pub(crate) async fn group(&self, id: &str) -> AppConnectorGroup {
        self.root().create_app_connector_group(group_request(id)).await.unwrap().into_inner()
    }
}

fn write_tokens(file: &Path) -> BTreeMap<&'static str, String> {
    let mut tokens = BTreeMap::new();
    let mut entries = Vec::new();
    for (index, (name, roles, tenants)) in CALLERS.into_iter().enumerate() {
        let token = token_text(&[u8::try_from(index).unwrap() + 1; 32]);
        let mut by_tenant: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (tenant, role) in tenants {
            by_tenant.entry((*tenant).to_owned()).or_default().push((*role).to_owned());
        }
        entries.push(TokenEntry {
            name: name.to_owned(),
            sha256: token_sha256(&token),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            tenants: by_tenant,
        });
        tokens.insert(name, token);
    }
    fs::write(file, toml::to_string(&TokenFile { tokens: entries }).unwrap()).unwrap();
    tokens
}

/// Puts the token into each request.
#[derive(Clone)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

pub(crate) const ACME: &str = "tenants/acme";

pub(crate) fn berlin() -> Location {
    Location {
        city: "Berlin".to_owned(),
        coordinates: Some(LatLng { latitude: 52.52, longitude: 13.405 }),
        ..Location::default()
    }
}

pub(crate) fn group_request(id: &str) -> CreateAppConnectorGroupRequest {
    CreateAppConnectorGroupRequest {
        parent: ACME.to_owned(),
        app_connector_group_id: id.to_owned(),
        app_connector_group: Some(AppConnectorGroup {
            display_name: format!("Group {id}"),
            location: Some(berlin()),
            ..AppConnectorGroup::default()
        }),
        ..CreateAppConnectorGroupRequest::default()
    }
}

pub(crate) fn server_group_request(id: &str, groups: &[&str]) -> CreateServerGroupRequest {
    let name = |id: &&str| format!("{ACME}/appConnectorGroups/{id}");
    CreateServerGroupRequest {
        parent: ACME.to_owned(),
        server_group_id: id.to_owned(),
        server_group: Some(ServerGroup {
            display_name: format!("Servers {id}"),
            app_connector_groups: groups.iter().map(name).collect(),
            ..ServerGroup::default()
        }),
        ..CreateServerGroupRequest::default()
    }
}

pub(crate) fn segment_request(id: &str, domain: &str) -> CreateApplicationSegmentRequest {
    CreateApplicationSegmentRequest {
        parent: ACME.to_owned(),
        application_segment_id: id.to_owned(),
        application_segment: Some(ApplicationSegment {
            display_name: format!("Application {id}"),
            domains: vec![domain.to_owned()],
            tcp_port_ranges: vec![PortRange { first: 443, last: 0 }],
            ..ApplicationSegment::default()
        }),
        ..CreateApplicationSegmentRequest::default()
    }
}

/// Enrolment and key pair `number` joins group `berlin` as connector `berlin-<number>`.
pub(crate) fn registration(number: u8) -> RegisterAppConnectorRequest {
    RegisterAppConnectorRequest {
        name: format!("{ACME}/appConnectors/berlin-{number}"),
        app_connector_group: format!("{ACME}/appConnectorGroups/berlin"),
        enrolment: format!("{ACME}/enrolments/e{number}"),
        provisioning_key: format!("{ACME}/provisioningKeys/k1"),
        public_key_sha256: vec![number; 32].into(),
        ..RegisterAppConnectorRequest::default()
    }
}

/// What a refused call says.
pub(crate) fn refusal<T: std::fmt::Debug>(
    answer: Result<tonic::Response<T>, Status>,
) -> (Kind, String, Failure) {
    let failure = Failure::from_status(&answer.unwrap_err());
    (failure.kind(), failure.reason().to_owned(), failure)
}

/// The fields that a refused call names.
pub(crate) fn fields(failure: &Failure) -> Vec<String> {
    failure.violations().iter().map(|v| v.field.clone()).collect()
}

pub(crate) fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() })
}
