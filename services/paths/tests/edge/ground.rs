//! The process under test and who calls it.

use std::{future::Future, time::Duration};

use jiff::Timestamp;
use names::{SpiffeId, TrustDomain};
use proto::{
    google::r#type::LatLng,
    paths::v1::{
        Client as WireClient, Destination, ExplainPathRequest, ExplainPathResponse, PathQuery,
        SelectPathRequest, Selection, paths_service_client::PathsServiceClient,
    },
    registry::v1::HealthReporting,
};
use rpc::{
    client::{ClientConfig, connect},
    tokens::{TokenEntry, TokenFile, token_sha256},
};
use runtime::{
    Clock, ManualClock,
    identity::{CertificateAuthority, PublicKey, ServiceIdentity, SystemPki, Validity, client_tls},
    process::{Plan, Running, Settings},
};
use tempfile::TempDir;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
};

use crate::{
    connector::Agent,
    siblings::{Provisioning, Registry, SiblingConfig},
};

pub(crate) const ADMIN: &str = "cwt_admin";
pub(crate) const VIEWER: &str = "cwt_viewer";
pub(crate) const STRANGER: &str = "cwt_stranger";
pub(crate) const PARIS: (f64, f64) = (48.8566, 2.3522);
pub(crate) const BERLIN: (f64, f64) = (52.52, 13.405);
pub(crate) const WIKI: &str = "wiki.corp.example";
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) type Client = PathsServiceClient<InterceptedService<rpc::client::Channel, Bearer>>;

/// Where processes under test live, one after the other.
pub(crate) struct Ground {
    pub(crate) siblings: SiblingConfig,
    pub(crate) clock: Clock,
    pub(crate) hands: ManualClock,
    pub(crate) authority: CertificateAuthority,
    directory: TempDir,
    settings: Settings,
}

/// A process that serves.
pub(crate) struct Serving<'g> {
    pub(crate) ground: &'g Ground,
    pub(crate) running: Running,
}

/// The tenant `acme`, its authority, and nothing else.
pub(crate) fn ground() -> Ground {
    let (clock, hands) = Clock::manual("2026-11-23T14:00:00Z".parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let domain = TrustDomain::parse("test.example").unwrap();
    let mut settings = Settings::default();
    settings.identity.directory = directory.path().join("pki");
    settings.server.balancer_wait = Duration::ZERO;
    // Empty: the process itself.
    settings.peers.registry = String::new();
    settings.peers.provisioning = String::new();
    let tokens = directory.path().join("tokens.toml");
    std::fs::write(&tokens, toml::to_string(&token_file()).unwrap()).unwrap();
    settings.access.token_file = Some(tokens);
    SystemPki::init(&settings.identity.directory, &domain, &[], clock.now()).unwrap();
    let authority = CertificateAuthority::create("acme", clock.now(), WEEK * 52).unwrap();
    let siblings = SiblingConfig::default();
    siblings.configuration.tenant("acme");
    siblings.configuration.tenant("other");
    siblings.trust.authority("acme", authority.certificate());
    Ground { siblings, clock, hands, authority, directory, settings }
}

/// Two sites, each with a connector of its name, in front of `wiki`.
pub(crate) fn two_sites(health: HealthReporting) -> Ground {
    let ground = ground();
    let configuration = &ground.siblings.configuration;
    for (site, at) in [("paris", PARIS), ("berlin", BERLIN)] {
        configuration.group(site, at, true);
        configuration.connector(site, site, false);
    }
    configuration.segment("wiki", WIKI, &["paris", "berlin"], health);
    ground
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
    /// Paths beside its siblings, ready.
    pub(crate) async fn start(&self) -> Serving<'_> {
        let plan = Plan::new(self.settings.clone(), self.clock.clone())
            .host::<Registry>(self.siblings.clone())
            .host::<Provisioning>(self.siblings.clone());
        let serving = self.serve(plan).await;
        let ready = tokio::time::timeout(PATIENCE, serving.running.health().ready());
        ready.await.expect("it gets ready");
        let acme = "tenants/acme".parse().unwrap();
        let trusted = || async { !serving.running.trust().tenant_roots(&acme).is_empty() };
        until("the tenant's roots are known", trusted).await;
        serving
    }

    /// Paths alone; nobody listens where its siblings should be.
    pub(crate) async fn start_alone(&self) -> Serving<'_> {
        let mut settings = self.settings.clone();
        settings.peers.registry = "https://localhost:1".into();
        settings.peers.provisioning = "https://localhost:1".into();
        self.serve(Plan::new(settings, self.clock.clone())).await
    }

    async fn serve(&self, plan: Plan) -> Serving<'_> {
        let data_dir = self.directory.path().join("paths");
        let mut config = paths::Config::default();
        config.store.data_dir = data_dir;
        let running = plan.host::<paths::App>(config).start().await.unwrap();
        Serving { ground: self, running }
    }

    /// A certificate of a connector of `acme`.
    pub(crate) fn identity(&self, connector: &str) -> ServiceIdentity {
        let key = rcgen::KeyPair::generate().unwrap();
        let public = rcgen::PublicKeyData::subject_public_key_info(&key);
        let public = PublicKey::from_der(&public).unwrap();
        let name = format!("spiffe://test.example/tenants/acme/appConnectors/{connector}");
        let name: SpiffeId = name.parse().unwrap();
        let validity = Validity::starting(self.clock.now(), WEEK);
        let leaf = self.authority.sign_leaf(&public, &name, validity).unwrap();
        ServiceIdentity::from_pem(&pem(&leaf.certificate), &key.serialize_pem()).unwrap()
    }
}

fn pem(der: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

impl Serving<'_> {
    fn channel(&self, identity: Option<ServiceIdentity>) -> rpc::client::Channel {
        let trust = self.running.trust().clone();
        let tls = client_tls(identity, trust, &self.ground.clock).unwrap();
        let port = self.running.addresses().main.port();
        connect(&ClientConfig::new(format!("https://localhost:{port}"), tls)).unwrap()
    }

    /// Clients of a caller with a token.
    pub(crate) fn client(&self, token: &str) -> Client {
        let bearer = Bearer(format!("Bearer {token}").parse().unwrap());
        PathsServiceClient::new(InterceptedService::new(self.channel(None), bearer))
    }

    pub(crate) fn admin(&self) -> Client {
        self.client(ADMIN)
    }

    /// A connector that has said hello.
    pub(crate) async fn connector(&self, id: &str) -> Agent {
        let channel = self.channel(Some(self.ground.identity(id)));
        Agent::open(PathsServiceClient::new(channel), self.ground.clock.clone()).await.unwrap()
    }

    /// What becomes of a connector that is turned away.
    pub(crate) async fn refused(&self, id: &str) -> Status {
        let channel = self.channel(Some(self.ground.identity(id)));
        let client = PathsServiceClient::new(channel);
        Agent::open(client, self.ground.clock.clone()).await.err().expect("it is turned away")
    }

    /// Asks from a place.
    pub(crate) async fn select(&self, from: (f64, f64)) -> Selection {
        self.ask(query(from, WIKI)).await
    }

    pub(crate) async fn ask(&self, query: PathQuery) -> Selection {
        let request = SelectPathRequest { parent: "tenants/acme".into(), query: Some(query) };
        self.admin().select_path(request).await.unwrap().into_inner().selection.unwrap()
    }

    pub(crate) async fn explain(&self, from: (f64, f64)) -> ExplainPathResponse {
        let query = Some(query(from, WIKI));
        let request = ExplainPathRequest { parent: "tenants/acme".into(), query, read_time: None };
        self.client(VIEWER).explain_path(request).await.unwrap().into_inner()
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

pub(crate) fn query((latitude, longitude): (f64, f64), host: &str) -> PathQuery {
    PathQuery {
        client: Some(WireClient {
            coordinates: Some(LatLng { latitude, longitude }),
            ..Default::default()
        }),
        destination: Some(Destination { host: host.into(), port: 443, protocol: 0 }),
        ..Default::default()
    }
}

/// The connectors of an answer, best first, or its reason.
pub(crate) fn chosen(selection: &Selection) -> String {
    if selection.candidates.is_empty() {
        return selection.reason.clone();
    }
    let id = |name: &String| name.rsplit('/').next().unwrap_or_default().to_owned();
    let all: Vec<_> = selection.candidates.iter().map(|one| id(&one.app_connector)).collect();
    all.join(" ")
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

pub(crate) fn reason(status: &Status) -> String {
    rpc::Failure::from_status(status).reason().to_owned()
}

pub(crate) fn seconds(clock: &Clock, after: u64) -> Timestamp {
    clock.now() + Duration::from_secs(after)
}

/// Looks until the condition holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    let looking = async {
        let mut looks = tokio::time::interval(LOOK);
        while !look().await {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("never: {what}"));
}
