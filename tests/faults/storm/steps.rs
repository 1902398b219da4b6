//! A crash at each named step of an enrolment: (a) reserved, (b) registered, (c) signed, (d) active; and reserved, then given up.
//!
//! Always holds: provisioning is killed while a gate holds what registry would tell it or be asked, so that the step is reached and the
//! next one is not; where it landed is read from the books after the restart, before anything is claimed.
//!
//! ## Design notes
//! No step is reached by code made for tests: between (a) and (b), and between (b) and the rest, lies a call to registry, and a
//! held call is a real one. Between (c) and (d) nothing crosses the wire: a leaf exists in memory only until the commit of (d) is
//! durable, and is told to nobody before. A crash there leaves what (b) left, and one thing more: a tenant's first leaf makes
//! its authority, in a commit of its own. So that is where (c) can be seen from outside, and where the process is killed.

use std::time::Duration;

use proto::{
    provisioning::v1::{GetCertificateAuthorityRequest, enrolment::State},
    registry::v1::{
        RegisterAppConnectorRequest, Tenant as TenantMessage, TenantState, UpdateTenantRequest,
    },
};
use rpc::Failure;
use testkit::{FRANKFURT, Plan, System, within};
use tokio::task::JoinHandle;

use super::{
    books::Books,
    gate::Gate,
    host::{Host, Told},
};

/// How long the worker may take: it leaves an enrolment to its caller for 15 s and looks every 5 s.
const WORKER_PATIENCE: Duration = Duration::from_secs(90);
/// Most attempts to kill a process in the milliseconds between (c) and (d).
const SIGNED_ATTEMPTS: usize = 20;

/// Five processes with a gate between two of them.
struct Scene {
    system: System,
    gate: Gate,
}

/// A key under trial.
struct Key {
    books: Books,
    secret: String,
}

impl Scene {
    async fn start() -> Self {
        let gate = Gate::new().await;
        let plan = Plan::default().set_for("provisioning", "peers.registry", &gate.endpoint);
        let system = System::start_as_five_with(plan).await;
        gate.lead_to(&system.endpoint("registry"));
        Self { system, gate }
    }

    /// A key of a tenant of its own.
    async fn key(&self, tenant: &str, max_uses: i64) -> Key {
        let tenant = self.system.tenant_called(tenant).await;
        let group = tenant.group("frankfurt", FRANKFURT).await.unwrap();
        let key = tenant.key("steps", &group, max_uses).await.unwrap();
        let secret = key.issued_secret.unwrap().secret;
        Key { books: Books { tenant, key: key.name }, secret }
    }

    /// A host asks once; nobody hears the answer.
    fn ask(&self, key: &Key, host: &Host) -> JoinHandle<()> {
        let (door, host, secret) = (self.system.door(), host.clone(), key.secret.clone());
        tokio::spawn(async move { drop(host.ask(&door, &secret).await) })
    }

    /// A host asks until it is told something final.
    async fn join(&self, key: &Key, host: &Host) -> Told {
        host.join(&self.system.door(), &key.secret).await
    }

    /// Provisioning dies, with whatever stood at the gate.
    fn crash(&mut self) {
        self.system.kill("provisioning");
        self.gate.cut_and_open();
    }

    async fn start_again(&mut self) {
        self.system.start_again("provisioning").await;
    }

    /// (a): reserved, and registry was never asked.
    async fn crash_when_reserved(&mut self, key: &Key, host: &Host) {
        let connectors = key.books.connectors().await.unwrap().len();
        self.gate.requests.close();
        let asking = self.ask(key, host);
        key.books.latest_is(State::Reserved).await;
        self.gate.requests.holding().await;
        self.crash();
        asking.await.unwrap();
        self.start_again().await;
        key.books.latest_is(State::Reserved).await;
        assert_eq!(key.books.connectors().await.unwrap().len(), connectors, "not registered");
    }

    /// (b): registered, and provisioning was never told.
    async fn crash_when_registered(&mut self, key: &Key, host: &Host) {
        let connectors = key.books.connectors().await.unwrap().len();
        self.gate.replies.close();
        let asking = self.ask(key, host);
        self.answers_until(async || key.books.connectors().await.unwrap().len() > connectors).await;
        self.crash();
        asking.await.unwrap();
        self.start_again().await;
        key.books.latest_is(State::Reserved).await;
    }

    /// (d): active, and the host was never told.
    async fn crash_when_active(&mut self, key: &Key, host: &Host) {
        let asking = self.ask(key, host);
        key.books.latest_is(State::Active).await;
        self.crash();
        asking.await.unwrap();
        self.start_again().await;
        key.books.latest_is(State::Active).await;
    }

    /// Given up at registry, and the use not yet given back. The tenant is suspended and stays so.
    async fn crash_when_given_up(&mut self, key: &Key, host: &Host) {
        self.suspend(key, true).await;
        self.gate.replies.close();
        let asking = self.ask(key, host);
        self.answers_until(async || match self.register_late(key).await.as_str() {
            "ENROLMENT_ABANDONED" => true,
            "TENANT_SUSPENDED" => false,
            other => panic!("registered although the tenant is suspended: {other}"),
        })
        .await;
        self.crash();
        asking.await.unwrap();
        self.start_again().await;
        key.books.latest_is(State::Reserved).await;
        assert_eq!(key.books.use_count().await.unwrap(), 1, "the use is still held");
    }

    /// Lets registry's answers pass one by one until what it is to do is done, and holds the one that tells of it: an answer
    /// that was held before a look saw nothing cannot be that one.
    async fn answers_until(&self, done: impl AsyncFn() -> bool) {
        loop {
            self.gate.replies.holding().await;
            if done().await {
                return;
            }
            self.gate.replies.pass();
        }
    }

    /// What registry says to a late registration of the key's latest enrolment; empty if it makes the connector.
    async fn register_late(&self, key: &Key) -> String {
        let ledger = key.books.ledger().await.unwrap();
        let enrolment = ledger.last().expect("an enrolment was reserved").clone();
        let request = RegisterAppConnectorRequest {
            name: enrolment.app_connector,
            app_connector_group: enrolment.app_connector_group,
            enrolment: enrolment.name,
            provisioning_key: enrolment.provisioning_key,
            public_key_sha256: enrolment.public_key_sha256,
            ..RegisterAppConnectorRequest::default()
        };
        let mut registry = self.system.registry_as("provisioning");
        match registry.register_app_connector(request).await {
            Ok(_) => String::new(),
            Err(status) => Failure::from_status(&status).reason().to_owned(),
        }
    }

    async fn suspend(&self, key: &Key, suspended: bool) {
        let state = if suspended { TenantState::Suspended } else { TenantState::Active };
        let tenant = TenantMessage {
            name: key.books.tenant.parent(),
            state: state.into(),
            ..TenantMessage::default()
        };
        let update_mask = Some(prost_types::FieldMask { paths: vec!["state".to_owned()] });
        let request =
            UpdateTenantRequest { tenant: Some(tenant), update_mask, ..Default::default() };
        key.books.tenant.api.registry.clone().update_tenant(request).await.unwrap();
    }
}

fn joined(told: Told) -> String {
    match told {
        Told::Joined(connector) => connector,
        Told::Refused(reason) => panic!("refused: {reason}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_at_each_step_the_host_that_repeats_is_finished_at_the_cost_of_one_use() {
    let mut scene = Scene::start().await;
    let key = scene.key("repeats", 3).await;
    let [reserved, registered, active] = [Host::new(), Host::new(), Host::new()];
    scene.crash_when_reserved(&key, &reserved).await;
    let first = joined(scene.join(&key, &reserved).await);
    scene.crash_when_registered(&key, &registered).await;
    let second = joined(scene.join(&key, &registered).await);
    scene.crash_when_active(&key, &active).await;
    let third = joined(scene.join(&key, &active).await);
    assert_eq!(key.books.balanced_with_registry().await, [first, second, third].into());
    assert_eq!(key.books.use_count().await.unwrap(), 3, "each cost one use");
    let late = scene.join(&key, &Host::new()).await;
    assert_eq!(late, Told::Refused("KEY_EXHAUSTED".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_at_each_step_the_worker_finishes_or_undoes_what_no_host_comes_back_for() {
    let mut scene = Scene::start().await;
    let (kept, given_up) = (scene.key("kept", 0).await, scene.key("given-up", 1).await);
    scene.crash_when_given_up(&given_up, &Host::new()).await;
    scene.crash_when_reserved(&kept, &Host::new()).await;
    scene.crash_when_registered(&kept, &Host::new()).await;
    for (key, ended) in [(&kept, &[State::Active; 2][..]), (&given_up, &[State::Abandoned])] {
        within(WORKER_PATIENCE, "the worker ends what was left", || async {
            match key.books.states().await {
                Ok(states) if states == ended => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
    assert_eq!(kept.books.balanced_with_registry().await.len(), 2);
    assert_eq!(given_up.books.balanced_with_registry().await.len(), 0, "the use came back");
    scene.suspend(&given_up, false).await;
    assert_eq!(scene.register_late(&given_up).await, "ENROLMENT_ABANDONED");
    let again = joined(scene.join(&given_up, &Host::new()).await);
    assert_eq!(given_up.books.balanced_with_registry().await, [again].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_before_a_crash_is_undone_for_the_host_that_repeats_though_it_could_join_now()
 {
    let mut scene = Scene::start().await;
    let key = scene.key("regretted", 1).await;
    let host = Host::new();
    scene.crash_when_given_up(&key, &host).await;
    scene.suspend(&key, false).await;
    let told = scene.join(&key, &host).await;
    assert_eq!(told, Told::Refused("ENROLMENT_ABANDONED".to_owned()));
    assert_eq!(key.books.use_count().await.unwrap(), 0, "the use came back");
    let again = joined(scene.join(&key, &host).await);
    assert_eq!(key.books.balanced_with_registry().await, [again].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_signing_and_active_leaves_one_authority_and_one_use() {
    let mut scene = Scene::start().await;
    for attempt in 0..SIGNED_ATTEMPTS {
        let key = scene.key(&format!("signed-{attempt}"), 1).await;
        let host = Host::new();
        let asking = scene.ask(&key, &host);
        let authority = authority_appears(&key).await;
        scene.crash();
        asking.await.unwrap();
        scene.start_again().await;
        let landed = key.books.states().await.unwrap();
        let connector = joined(scene.join(&key, &host).await);
        assert_eq!(key.books.balanced_with_registry().await, [connector].into());
        assert_eq!(authority_appears(&key).await, authority, "the tenant keeps its authority");
        if landed == [State::Reserved] {
            return;
        }
    }
    panic!("{SIGNED_ATTEMPTS} crashes, and none of them between (c) and (d)");
}

/// Waits for the tenant's authority, which its first leaf makes, without a pause between looks; answers its roots.
async fn authority_appears(key: &Key) -> Vec<Vec<u8>> {
    let name = format!("{}/certificateAuthority", key.books.tenant.parent());
    loop {
        let request = GetCertificateAuthorityRequest { name: name.clone() };
        let mut provisioning = key.books.tenant.api.provisioning.clone();
        match provisioning.get_certificate_authority(request).await {
            Ok(authority) => {
                let certificates = authority.into_inner().certificates;
                return certificates.into_iter().map(|root| root.der.to_vec()).collect();
            }
            Err(status) => assert_eq!(status.code(), tonic::Code::NotFound, "{status}"),
        }
    }
}
