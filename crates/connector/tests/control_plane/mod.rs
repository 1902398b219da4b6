//! A control plane of the size that an agent can see: it signs, welcomes, acknowledges and remembers what it was told. Real
//! listeners, real TLS and the real access layer around it; only the decisions are scripted.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use jiff::Timestamp;
use names::{JoinToken, TrustDomain};
use proto::{
    paths::v1::{
        HeartbeatAck, ReportStatusRequest, ReportStatusResponse, Welcome,
        paths_service_server::{PathsService, PathsServiceServer},
        report_status_request::Report,
        report_status_response::Order,
    },
    provisioning::v1::{
        CertificateBundle, EnrollRequest, EnrollResponse, RenewCertificateRequest,
        RenewCertificateResponse,
        enrolment_service_server::{EnrolmentService, EnrolmentServiceServer},
        provisioning_service_server::{ProvisioningService, ProvisioningServiceServer},
    },
};
use rpc::{Failure, Kind};
use runtime::{
    Clock,
    identity::{AUTHORITY_LIFETIME, CertificateAuthority, Csr, LEAF_LIFETIME, SystemPki, Validity},
    process::{Deps, Mounts, Plan, Running, Service, Settings, Shutdown},
};
use tonic::{Request, Response, Status, Streaming, codegen::BoxStream};

pub(crate) const SECRET: &str = "cwk_the-secret";
const CONNECTOR: &str = "tenants/acme/appConnectors/berlin-1";

/// What it has seen, and what it does with the next call.
#[derive(Default)]
pub(crate) struct Script {
    /// Public keys that asked to join, in order.
    pub(crate) joined: Vec<[u8; 32]>,
    /// Whether to answer the next Enroll with UNAVAILABLE after having signed.
    pub(crate) lose_next_reply: bool,
    /// Certificates renewed.
    pub(crate) renewed: usize,
    /// Whether to call the identity revoked from now on.
    pub(crate) revoked: bool,
    /// Serials of the leaves that opened report streams.
    pub(crate) streams: Vec<Vec<u8>>,
    /// Reasons of goodbyes.
    pub(crate) goodbyes: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct ControlPlane(Arc<Parts>);

struct Parts {
    script: Arc<Mutex<Script>>,
    tenant: CertificateAuthority,
    deps: Deps,
}

/// A running one.
pub(crate) struct Handle {
    pub(crate) running: Running,
    pub(crate) script: Arc<Mutex<Script>>,
    pub(crate) token: JoinToken,
}

pub(crate) async fn start(directory: &Path, clock: Clock) -> Handle {
    let domain = TrustDomain::parse("causeway.test").unwrap();
    let pki = SystemPki::init(&directory.join("pki"), &domain, &[], clock.now()).unwrap();
    let mut layers = Settings::layers("provisioning");
    for listener in ["listen", "enrolment_listen", "admin_listen"] {
        layers.flag(&format!("server.{listener}=127.0.0.1:0"));
    }
    layers.flag(&format!("identity.directory={}", directory.join("pki").display()));
    layers.flag("server.balancer_wait=0s");
    let settings = Settings::read(&layers.finish().unwrap()).unwrap();
    let script: Arc<Mutex<Script>> = Arc::default();
    SCRIPT.with(|slot| *slot.borrow_mut() = Some(script.clone()));
    let running = Plan::new(settings, clock).host::<ControlPlane>(()).start().await.unwrap();
    let port = running.addresses().enrolment.unwrap().port();
    let token = JoinToken {
        endpoint: format!("https://localhost:{port}"),
        root_pin: pki.authority().unwrap().public_key().sha256(),
        secret: SECRET.into(),
    };
    Handle { running, script, token }
}

thread_local! {
    /// The script of the plane that this thread is about to build; a service's configuration is plain data.
    static SCRIPT: std::cell::RefCell<Option<Arc<Mutex<Script>>>> = const { std::cell::RefCell::new(None) };
}

impl Service for ControlPlane {
    const NAME: &'static str = "provisioning";
    const GRPC_SERVICES: &'static [&'static str] = &[];
    type Config = ();

    async fn build((): (), deps: Deps) -> anyhow::Result<Self> {
        let script = SCRIPT.with(|slot| slot.borrow_mut().take()).unwrap();
        let tenant = CertificateAuthority::create("acme", deps.clock.now(), AUTHORITY_LIFETIME)?;
        let roots = vec![tenant.certificate().clone()];
        deps.trust.set_tenant("tenants/acme".parse()?, roots)?;
        Ok(Self(Arc::new(Parts { script, tenant, deps })))
    }

    fn mount(&self, mounts: &mut Mounts) {
        mounts.enrolment.add_service(EnrolmentServiceServer::new(self.clone()));
        mounts.main.add_service(ProvisioningServiceServer::new(self.clone()));
        mounts.main.add_service(PathsServiceServer::new(self.clone()));
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        shutdown.workers.cancelled().await;
        Ok(())
    }
}

impl ControlPlane {
    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.0.script.lock().unwrap()
    }

    fn sign(&self, csr: &[u8]) -> ([u8; 32], CertificateBundle) {
        let Parts { tenant, deps, .. } = &*self.0;
        let csr = Csr::parse_and_verify(csr).unwrap();
        let spiffe = format!("spiffe://causeway.test/{CONNECTOR}").parse().unwrap();
        let validity = Validity::starting(deps.clock.now(), LEAF_LIFETIME);
        let leaf = tenant.sign_leaf(csr.public_key(), &spiffe, validity).unwrap();
        let wire = |time: Timestamp| prost_types::Timestamp { seconds: time.as_second(), nanos: 0 };
        let bundle = CertificateBundle {
            certificate_chain: vec![leaf.certificate.to_vec().into()],
            tenant_bundle: vec![tenant.certificate().to_vec().into()],
            system_bundle: deps.trust.system_roots().iter().map(|r| r.to_vec().into()).collect(),
            not_before_time: Some(wire(leaf.validity.start)),
            not_after_time: Some(wire(leaf.validity.end)),
            renew_time: None,
            trust_domain: "causeway.test".into(),
        };
        (csr.public_key().sha256(), bundle)
    }
}

fn revoked() -> Status {
    Failure::new(
        Kind::PermissionDenied,
        names::Reason::IdentityRevoked,
        "the connector was deleted",
    )
    .into()
}

#[tonic::async_trait]
impl EnrolmentService for ControlPlane {
    async fn enroll(
        &self,
        request: Request<EnrollRequest>,
    ) -> Result<Response<EnrollResponse>, Status> {
        let request = request.into_inner();
        if request.secret != SECRET {
            let words = "no key has this secret";
            return Err(
                Failure::new(Kind::PermissionDenied, names::Reason::KeyUnknown, words).into()
            );
        }
        let (public_key, bundle) = self.sign(&request.csr);
        let mut script = self.script();
        script.joined.push(public_key);
        if std::mem::take(&mut script.lose_next_reply) {
            return Err(Status::unavailable("the reply is lost"));
        }
        let here = format!("https://localhost:{}", self.0.deps.addresses.main.port());
        Ok(Response::new(EnrollResponse {
            app_connector: CONNECTOR.into(),
            certificates: Some(bundle),
            provisioning_endpoint: here.clone(),
            paths_endpoint: here,
            ..EnrollResponse::default()
        }))
    }
}

#[tonic::async_trait]
impl ProvisioningService for ControlPlane {
    async fn renew_certificate(
        &self,
        request: Request<RenewCertificateRequest>,
    ) -> Result<Response<RenewCertificateResponse>, Status> {
        let (_, bundle) = self.sign(&request.into_inner().csr);
        self.script().renewed += 1;
        let certificates = Some(bundle);
        Ok(Response::new(RenewCertificateResponse { certificates, server_time: None }))
    }
}

#[tonic::async_trait]
impl PathsService for ControlPlane {
    async fn report_status(
        &self,
        request: Request<Streaming<ReportStatusRequest>>,
    ) -> Result<Response<BoxStream<ReportStatusResponse>>, Status> {
        let caller = rpc::access::caller(&request)?;
        assert_eq!(caller.connector()?.to_string(), CONNECTOR);
        let identity = caller.identity().expect("a connector has a certificate").clone();
        {
            let mut script = self.script();
            if script.revoked {
                return Err(revoked());
            }
            script.streams.push(identity.serial.clone());
        }
        let welcome = Order::Welcome(Welcome {
            heartbeat_period: prost_types::Duration::try_from(Duration::from_millis(100)).ok(),
            ..Welcome::default()
        });
        let me = self.clone();
        let answers = request.into_inner().filter_map(move |report| {
            let answer = report.map(|report| me.answer(report.report)).transpose();
            async move { answer }
        });
        let first = futures::stream::once(async { Ok(response(welcome)) });
        let ending = self.0.deps.shutdown.streams.clone().cancelled_owned();
        Ok(Response::new(first.chain(answers.take_until(ending)).boxed()))
    }
}

impl ControlPlane {
    fn answer(&self, report: Option<Report>) -> Option<ReportStatusResponse> {
        match report? {
            Report::Heartbeat(heartbeat) => {
                let ack = HeartbeatAck { sequence: heartbeat.sequence, server_time: None };
                Some(response(Order::HeartbeatAck(ack)))
            }
            Report::Goodbye(goodbye) => {
                self.script().goodbyes.push(goodbye.reason);
                None
            }
            Report::Hello(_) | Report::ProbeReport(_) => None,
        }
    }
}

fn response(order: Order) -> ReportStatusResponse {
    ReportStatusResponse { order: Some(order) }
}
