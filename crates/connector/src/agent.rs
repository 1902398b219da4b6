//! The connector's life: get an identity, report, renew, come back.
//!
//! Owns: the order of these, and what each failure means. Always holds: the private key is on disk before the first
//! Enroll leaves, so a lost reply is repeated with the same key; a new leaf is on disk before it is used; only a
//! definite refusal ends the agent, an outage never does.
//! Absent on purpose: how a session works (`session`), what the wire looks like (`grpc`).
//!
//! ## Design notes
//! Renewal runs beside the sessions and not between them, because a healthy session lasts for months. A renewed leaf
//! ends the session without a goodbye, and the next stream opens at once: the control plane sees a newer stream
//! of the same connector, never a disconnected one.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::SignedDuration;
use names::{JoinToken, JoinTokenError};
use rand::{Rng, SeedableRng, rngs::StdRng};
use runtime::{
    Clock,
    identity::{IdentityError, ServiceIdentity, TrustBundles, client_tls, pinned_client_tls},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    dial::Dialer,
    grpc,
    host::Host,
    identity::{Identity, KeyError, OwnKey},
    link::Refusal,
    load::LoadMeter,
    progress::{Phase, Progress},
    session::{End, Session, Signals},
    state::{StateDir, StateError},
};

/// Between two attempts to renew at most: of 56 hours, many attempts are left.
const RENEW_CEILING: Duration = Duration::from_secs(600);
/// First wait after a failed renewal.
const RENEW_FIRST: Duration = Duration::from_secs(5);
/// The longest sleep before the calendar is looked at again, for clocks that are set and hosts that are suspended.
const CALENDAR_LOOK: Duration = Duration::from_secs(3_600);
/// Renewals are spread over this share of a leaf's life, for connectors that enrolled together.
const RENEW_SPREAD: f64 = 0.05;
/// Reason with which a deleted or revoked identity is refused, everywhere.
const IDENTITY_REVOKED: &str = "IDENTITY_REVOKED";

/// What an agent needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where its key and identity are kept; made if absent.
    pub state_dir: PathBuf,
    /// Needed until the connector has enrolled.
    pub join_token: Option<JoinToken>,
    /// Waits between attempts.
    pub backoff: Backoff,
}

/// Why an agent ended though nobody told it to.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// No identity and no way to get one.
    #[error(
        "this host is not enrolled: pass --join-token, from the reply that created the provisioning key"
    )]
    NotEnrolled,
    /// The join token is of no use.
    #[error(transparent)]
    JoinToken(#[from] JoinTokenError),
    /// The control plane refused for good.
    #[error("the control plane refuses this connector: {0}")]
    Refused(Refusal),
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What enrolment gave cannot be used.
    #[error("the connector's identity cannot be used: {0}")]
    Identity(#[from] IdentityError),
}

/// One connector.
pub struct Agent<D> {
    settings: Settings,
    dialer: Arc<D>,
    clock: Clock,
    rng: StdRng,
    progress: watch::Sender<Progress>,
}

/// What the sessions and the renewal share once there is an identity.
struct Enrolled<'a> {
    state: &'a StateDir,
    key_pem: &'a str,
    key: &'a OwnKey,
    host: &'a Host,
    face: ServiceIdentity,
    trust: TrustBundles,
    tls: Arc<rustls::ClientConfig>,
    /// Cancelled and replaced at each renewal.
    renewed: watch::Sender<CancellationToken>,
}

impl<D: Dialer> Agent<D> {
    /// An agent that has not begun. `seed` feeds jitter and the instance id; two agents need two seeds.
    pub fn new(settings: Settings, dialer: D, clock: Clock, seed: u64) -> Self {
        let dialer = Arc::new(dialer);
        let rng = StdRng::seed_from_u64(seed);
        Self { settings, dialer, clock, rng, progress: watch::Sender::default() }
    }

    /// What the agent shows of itself, live.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Runs until `stop` is cancelled; then says goodbye and returns.
    ///
    /// # Errors
    /// [`AgentError`] if the connector can never work as it stands.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), AgentError> {
        let result = self.live(&stop).await;
        let problem = result.as_ref().err().map(ToString::to_string);
        self.show(|progress| {
            progress.phase = Phase::Stopped;
            progress.problem = problem.unwrap_or_default();
        });
        result
    }

    async fn live(&mut self, stop: &CancellationToken) -> Result<(), AgentError> {
        let state = StateDir::open(&self.settings.state_dir)?;
        let key_pem = state.private_key(OwnKey::generate_pem)??;
        let key = OwnKey::from_pem(&key_pem)?;
        let host = Host::read(self.clock.now(), &mut self.rng);
        let identity = match state.identity()? {
            Some(identity) => identity,
            None => match self.enrol(&key, &host, stop).await? {
                Some(identity) => identity,
                None => return Ok(()),
            },
        };
        state.keep(&identity)?;
        self.show(|progress| progress.app_connector = Some(identity.app_connector.clone()));
        let face = identity.face(&key_pem)?;
        let trust = identity.trust()?;
        let tls = client_tls(Some(face.clone()), trust.clone(), &self.clock)?;
        let renewed = watch::Sender::new(CancellationToken::new());
        let (state, key, host) = (&state, &key, &host);
        let me = Enrolled { state, key_pem: &key_pem, key, host, face, trust, tls, renewed };
        let renewal = Renewal {
            clock: self.clock.clone(),
            rng: StdRng::seed_from_u64(self.rng.random()),
            progress: self.progress.clone(),
        };
        tokio::select! {
            ended = self.sessions(&identity, &me, stop) => ended,
            refused = renewal.run(identity.clone(), &me) => Err(refused),
        }
    }

    /// `None` if told to stop meanwhile.
    async fn enrol(
        &mut self,
        key: &OwnKey,
        host: &Host,
        stop: &CancellationToken,
    ) -> Result<Option<Identity>, AgentError> {
        let token = self.settings.join_token.clone().ok_or(AgentError::NotEnrolled)?;
        token.host_and_port()?;
        let tls = pinned_client_tls(token.root_pin, &self.clock)?;
        let channel = grpc::channel(&token.endpoint, tls).map_err(AgentError::Refused)?;
        let csr = key.certificate_request()?;
        self.show(|progress| progress.phase = Phase::Enrolling);
        loop {
            let now = self.clock.now();
            let refusal = tokio::select! {
                reply = grpc::enrol(channel.clone(), &token.secret, &csr, host, now) => match reply {
                    Ok(identity) => return Ok(Some(identity)),
                    Err(refusal) => refusal,
                },
                () = stop.cancelled() => return Ok(None),
            };
            if !refusal.transient {
                return Err(AgentError::Refused(refusal));
            }
            tracing::warn!(%refusal, "enrolment failed; trying again with the same key");
            if !self.wait(Phase::Enrolling, refusal.to_string(), refusal.retry_after, stop).await {
                return Ok(None);
            }
        }
    }

    async fn sessions(
        &mut self,
        identity: &Identity,
        me: &Enrolled<'_>,
        stop: &CancellationToken,
    ) -> Result<(), AgentError> {
        loop {
            self.show(|progress| progress.phase = Phase::Connecting);
            let started = tokio::time::Instant::now();
            let signals = Signals { stop: stop.clone(), renewed: me.renewed.borrow().clone() };
            let end = self.session(identity, me, &signals).await;
            self.settings.backoff.session_lasted(started.elapsed());
            let (problem, retry_after) = match end {
                End::Stopped => return Ok(()),
                End::Renewed => continue,
                End::Lost(refusal) if refusal.reason == IDENTITY_REVOKED => {
                    return Err(AgentError::Refused(refusal));
                }
                End::Lost(refusal) => (refusal.to_string(), refusal.retry_after),
                End::Farewell { reason, retry_after } => {
                    (format!("the control plane said farewell: {reason}"), Some(retry_after))
                }
            };
            tracing::info!(problem, "the report stream ended; coming back");
            if !self.wait(Phase::Waiting, problem, retry_after, stop).await {
                return Ok(());
            }
        }
    }

    async fn session(&mut self, identity: &Identity, me: &Enrolled<'_>, signals: &Signals) -> End {
        // A channel of its own for each stream: the connection then shows the leaf of now.
        let open = async {
            let channel = grpc::channel(&identity.paths_endpoint, me.tls.clone())?;
            let address = own_address(&identity.paths_endpoint).await;
            grpc::open(channel, me.host, address, &self.clock).await
        };
        let link = tokio::select! {
            link = open => match link {
                Ok(link) => link,
                Err(refusal) => return End::Lost(refusal),
            },
            () = signals.stop.cancelled() => return End::Stopped,
        };
        let rng = StdRng::seed_from_u64(self.rng.random());
        let load = LoadMeter::new(self.settings.state_dir.clone());
        let session = Session::new(link, self.dialer.clone(), self.clock.clone(), rng, load);
        let welcomed = || {
            tracing::debug!("reporting");
            self.progress.send_modify(|progress| {
                progress.phase = Phase::Reporting;
                progress.sessions += 1;
                progress.problem.clear();
            });
        };
        session.run(signals, welcomed).await
    }

    /// Waits before the next attempt; `false` if told to stop meanwhile.
    async fn wait(
        &mut self,
        phase: Phase,
        problem: String,
        retry_after: Option<Duration>,
        stop: &CancellationToken,
    ) -> bool {
        self.show(|progress| {
            progress.phase = phase;
            progress.problem = problem;
        });
        let asked = retry_after.unwrap_or_default();
        let wait = asked + self.settings.backoff.next(&mut self.rng);
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            () = stop.cancelled() => false,
        }
    }

    fn show(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(change);
    }
}

/// The renewal of the leaf, beside the sessions.
struct Renewal {
    clock: Clock,
    rng: StdRng,
    progress: watch::Sender<Progress>,
}

impl Renewal {
    /// Returns only when renewing is refused for good.
    async fn run(mut self, mut identity: Identity, me: &Enrolled<'_>) -> AgentError {
        let mut backoff = Backoff::new(RENEW_FIRST, RENEW_CEILING);
        loop {
            self.wait_until_due(&identity).await;
            match self.renew(&mut identity, me).await {
                Ok(()) => {
                    backoff = Backoff::new(RENEW_FIRST, RENEW_CEILING);
                    self.progress.send_modify(|progress| progress.renewals += 1);
                    me.renewed.send_replace(CancellationToken::new()).cancel();
                }
                Err(AgentError::Refused(refusal)) if refusal.reason != IDENTITY_REVOKED => {
                    tracing::warn!(%refusal, "renewal failed; trying again");
                    let asked = refusal.retry_after.unwrap_or_default();
                    self.clock.sleep(asked + backoff.next(&mut self.rng)).await;
                }
                Err(error) => return error,
            }
        }
    }

    async fn wait_until_due(&mut self, identity: &Identity) {
        let due = identity.renew_at(self.rng.random_range(0.0..RENEW_SPREAD));
        loop {
            let left = due.duration_since(self.clock.now());
            if left <= SignedDuration::ZERO {
                return;
            }
            self.clock.sleep(Duration::try_from(left).unwrap_or_default().min(CALENDAR_LOOK)).await;
        }
    }

    async fn renew(&self, identity: &mut Identity, me: &Enrolled<'_>) -> Result<(), AgentError> {
        let csr = me.key.certificate_request()?;
        let channel = grpc::channel(&identity.provisioning_endpoint, me.tls.clone())
            .map_err(AgentError::Refused)?;
        let renewed = grpc::renew(channel, &csr, self.clock.now()).await;
        let fresh =
            Identity { certificates: renewed.map_err(AgentError::Refused)?, ..identity.clone() };
        me.state.keep(&fresh)?;
        me.trust.set_system(fresh.system_roots())?;
        me.face.replace(&fresh.chain_pem(), me.key_pem)?;
        tracing::info!(until = %fresh.certificates.not_after, "certificate renewed");
        *identity = fresh;
        Ok(())
    }
}

/// The address of this host that packets to the control plane carry, before any translation on the way. No packet
/// is sent: a UDP socket only picks its route.
async fn own_address(endpoint: &str) -> Option<std::net::IpAddr> {
    let peer = endpoint.strip_prefix("https://")?;
    let peer = tokio::net::lookup_host(peer).await.ok()?.next()?;
    let any = if peer.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = tokio::net::UdpSocket::bind(any).await.ok()?;
    socket.connect(peer).await.ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
