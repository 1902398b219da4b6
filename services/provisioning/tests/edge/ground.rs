//! Provisioning and the scripted registry in one process, on ports of their own.

use std::{collections::BTreeMap, future::Future, path::Path, time::Duration};

use jiff::Timestamp;
use names::{JoinToken, TrustDomain};
use proto::provisioning::v1::{
    CreateProvisioningKeyRequest, EnrollRequest, EnrollResponse, Enrolment,
    GetProvisioningKeyRequest, ListEnrolmentsRequest, ProvisioningKey,
    enrolment_service_client::EnrolmentServiceClient,
    provisioning_service_client::ProvisioningServiceClient,
};
use provisioning::{App, Config};
use rpc::{
    Failure,
    client::{Channel, ClientConfig, connect},
    tokens::{TokenEntry, TokenFile, token_sha256, token_text},
};
use runtime::{
    Clock, ManualClock,
    identity::{ServiceIdentity, SystemPki, TrustBundles, client_tls, pinned_client_tls},
    process::{Plan, Running, Settings},
};
use tempfile::TempDir;
use tonic::{
    Request, Status, metadata::AsciiMetadataValue, service::interceptor::InterceptedService,
};

use crate::registry::{Script, ScriptConfig, ScriptedRegistry};

pub(crate) const TENANT: &str = "tenants/acme";
pub(crate) const GROUP: &str = "tenants/acme/appConnectorGroups/berlin";
/// A tenant whose administrator has no role in [`TENANT`], and his token's bytes.
const OTHER_TENANT: &str = "tenants/other";
const OTHER_TENANT_ID: &str = "other";
const OTHER_TOKEN: [u8; 32] = [8; 32];
/// How long a condition may take; far above what it takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often to look.
const LOOK_PERIOD: Duration = Duration::from_millis(20);

type Wire = InterceptedService<Channel, Bearer>;
pub(crate) type Api = ProvisioningServiceClient<Wire>;

/// A caller's token.
#[derive(Clone)]
pub(crate) struct Bearer(AsciiMetadataValue);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Who calls, whatever the port of the day.
pub(crate) struct Callers {
    trust: TrustBundles,
    pin: [u8; 32],
    token: String,
    clock: Clock,
}

impl Callers {
    /// They believe this system and go by its time.
    pub(crate) fn new(pki: &SystemPki, token: &str) -> Self {
        let trust = pki.bundles(&pki.identity("provisioning").unwrap()).unwrap();
        let pin = trust.system_root_pin().unwrap();
        Self { trust, pin, token: token.to_owned(), clock: Clock::system() }
    }

    pub(crate) fn channel(&self, port: u16, identity: Option<ServiceIdentity>) -> Channel {
        let tls = client_tls(identity, self.trust.clone(), &self.clock).unwrap();
        connect(&ClientConfig::new(format!("https://localhost:{port}"), tls)).unwrap()
    }

    pub(crate) fn api(&self, port: u16) -> Api {
        self.api_with(port, &self.token)
    }

    fn api_with(&self, port: u16, token: &str) -> Api {
        let bearer = Bearer(format!("Bearer {token}").parse().unwrap());
        let channel = self.channel(port, None);
        ProvisioningServiceClient::new(InterceptedService::new(channel, bearer))
    }

    /// The enrolment listener, as a join token leads to it.
    pub(crate) fn door(&self, port: u16) -> EnrolmentServiceClient<Channel> {
        let tls = pinned_client_tls(self.pin, &self.clock).unwrap();
        let config = ClientConfig::new(format!("https://localhost:{port}"), tls);
        EnrolmentServiceClient::new(connect(&config).unwrap())
    }

    /// Makes a key; answers it with its secret.
    pub(crate) async fn key(&self, port: u16, key: ProvisioningKey) -> (ProvisioningKey, String) {
        let made = self.api(port).create_provisioning_key(create(key)).await.unwrap().into_inner();
        let issued = made.issued_secret.clone().unwrap();
        let token: JoinToken = issued.join_token.parse().unwrap();
        assert_eq!((token.secret, token.root_pin), (issued.secret.clone(), self.pin));
        assert!(issued.join_command.contains(&issued.join_token));
        (made, issued.secret)
    }

    pub(crate) async fn read_key(&self, port: u16, name: &str) -> ProvisioningKey {
        let request = GetProvisioningKeyRequest { name: name.to_owned(), read_time: None };
        self.api(port).get_provisioning_key(request).await.unwrap().into_inner()
    }

    pub(crate) async fn ledger(&self, port: u16, key: &str) -> Vec<Enrolment> {
        let request = ListEnrolmentsRequest {
            parent: TENANT.into(),
            provisioning_key: key.to_owned(),
            page_size: 1_000,
            ..ListEnrolmentsRequest::default()
        };
        self.api(port).list_enrolments(request).await.unwrap().into_inner().enrolments
    }
}

/// The service, and the hand on its clock.
pub(crate) struct Ground {
    pub(crate) directory: TempDir,
    pub(crate) registry: Script,
    pub(crate) clock: Clock,
    pub(crate) hand: ManualClock,
    callers: Callers,
    running: Running,
}

impl Ground {
    /// With the group [`GROUP`].
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let (clock, hand) = Clock::manual(now);
        let domain = TrustDomain::parse("causeway.test").unwrap();
        let pki = SystemPki::init(&directory.path().join("pki"), &domain, &[], now).unwrap();
        let token = token_text(&[7; 32]);
        write_tokens(directory.path(), &token);
        let registry = Script::default();
        registry.group(GROUP, true);
        let running = run(directory.path(), &registry, &clock).await;
        let callers = Callers { clock: clock.clone(), ..Callers::new(&pki, &token) };
        Self { directory, registry, clock, hand, callers, running }
    }

    /// Ends the process and starts it on the same directories.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(|| ()).await
    }

    /// Ends the process, lets something happen, and starts it again.
    pub(crate) async fn restart_after(self, meanwhile: impl FnOnce()) -> Self {
        let Self { directory, registry, clock, hand, callers, running } = self;
        running.stop().await.unwrap();
        meanwhile();
        let running = run(directory.path(), &registry, &clock).await;
        Self { directory, registry, clock, hand, callers, running }
    }

    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }

    /// Ends the process, looks at what it left, then removes it.
    pub(crate) async fn stop_and_look(self, look: impl FnOnce(&Path)) {
        self.running.stop().await.unwrap();
        look(self.directory.path());
    }

    /// A channel to the API, as who has this certificate.
    pub(crate) fn channel(&self, identity: Option<ServiceIdentity>) -> Channel {
        self.callers.channel(self.port(), identity)
    }

    /// Whether a health name is SERVING.
    pub(crate) fn is_serving(&self, name: &str) -> Option<bool> {
        self.running.health().is_serving(name)
    }

    fn port(&self) -> u16 {
        self.running.addresses().main.port()
    }

    /// The API, as who administers one other tenant only.
    pub(crate) fn api_as_admin_of(&self, tenant: &str) -> Api {
        assert_eq!(tenant, OTHER_TENANT, "the token file names this one");
        self.callers.api_with(self.port(), &token_text(&OTHER_TOKEN))
    }

    /// The API, as an administrator.
    pub(crate) fn api(&self) -> Api {
        self.callers.api(self.port())
    }

    pub(crate) async fn enroll(&self, request: EnrollRequest) -> Result<EnrollResponse, Failure> {
        self.door().enroll(request).await.map(|answer| answer.into_inner()).map_err(failure)
    }

    /// The enrolment listener, as a join token leads to it.
    pub(crate) fn door(&self) -> EnrolmentServiceClient<Channel> {
        self.callers.door(self.running.addresses().enrolment.unwrap().port())
    }

    /// Makes a key; answers it with its secret.
    pub(crate) async fn key(&self, key: ProvisioningKey) -> (ProvisioningKey, String) {
        self.callers.key(self.port(), key).await
    }

    pub(crate) async fn read_key(&self, name: &str) -> ProvisioningKey {
        self.callers.read_key(self.port(), name).await
    }

    pub(crate) async fn ledger(&self, key: &str) -> Vec<Enrolment> {
        self.callers.ledger(self.port(), key).await
    }

    pub(crate) async fn use_count(&self, key: &str) -> i64 {
        self.read_key(key).await.use_count
    }
}

/// A key of the group with this display name and limit.
pub(crate) fn key_of(display_name: &str, max_uses: i64) -> ProvisioningKey {
    ProvisioningKey {
        display_name: display_name.into(),
        app_connector_group: GROUP.into(),
        max_uses,
        ..ProvisioningKey::default()
    }
}

pub(crate) fn create(key: ProvisioningKey) -> CreateProvisioningKeyRequest {
    CreateProvisioningKeyRequest {
        parent: TENANT.into(),
        provisioning_key: Some(key),
        ..CreateProvisioningKeyRequest::default()
    }
}

pub(crate) fn failure(status: Status) -> Failure {
    Failure::from_status(&status)
}

/// Waits until `holds` answers true.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let mut looks = tokio::time::interval(LOOK_PERIOD);
    let looked = async {
        while !holds().await {
            looks.tick().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, looked).await.is_ok(), "never: {what}");
}

async fn run(directory: &Path, registry: &Script, clock: &Clock) -> Running {
    let mut settings = Settings::default();
    settings.server.enrolment_listen = Some("127.0.0.1:0".parse().unwrap());
    settings.server.balancer_wait = Duration::ZERO;
    settings.identity.directory = directory.join("pki");
    settings.access.token_file = Some(directory.join("tokens.toml"));
    settings.peers.registry = String::new();
    settings.peers.provisioning = String::new();
    settings.peers.paths = String::new();
    let mut config = Config::default();
    config.store.data_dir = directory.join("store");
    Plan::new(settings, clock.clone())
        .host::<ScriptedRegistry>(ScriptConfig { script: registry.clone() })
        .host::<App>(config)
        .start()
        .await
        .unwrap()
}

pub(crate) fn write_tokens(directory: &Path, token: &str) {
    let entry = TokenEntry {
        name: "admin".into(),
        sha256: token_sha256(token),
        roles: vec!["SYSTEM_ADMIN".into(), "ADMIN".into()],
        tenants: BTreeMap::new(),
    };
    let other = TokenEntry {
        name: "other".into(),
        sha256: token_sha256(&token_text(&OTHER_TOKEN)),
        roles: Vec::new(),
        tenants: [(OTHER_TENANT_ID.to_owned(), vec!["ADMIN".into()])].into(),
    };
    let text = toml::to_string(&TokenFile { tokens: vec![entry, other] }).unwrap();
    let path = directory.join("tokens.toml");
    std::fs::write(&path, text).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
