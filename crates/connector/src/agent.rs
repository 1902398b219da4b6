//! What a connector does from start to stop: get an identity, report, renew, reconnect.
//!
//! Owns: the order of these, and what each failure means. Always holds: the private key is on disk before the first
//! Enroll is sent, so a lost reply is repeated with the same key; a new leaf is on disk before it is used; only a
//! definite refusal ends the agent, an outage never does.
//! Absent on purpose: how a session works (`session`), when a leaf is renewed (`renewal`), what the wire looks like (`grpc`).

use std::{path::PathBuf, sync::Arc, time::Duration};

use names::JoinToken;
use rand::{Rng, SeedableRng, rngs::StdRng};
use runtime::{
    Clock,
    identity::{client_tls, pinned_client_tls},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::{Backoff, Waits},
    dial::Dialer,
    enrolled::Enrolled,
    error::AgentError,
    grpc,
    host::Host,
    identity::{Identity, OwnKey},
    load::LoadMeter,
    progress::{Phase, Progress},
    renewal::Renewal,
    session::{End, Session, Signals},
    state::{StateDir, StateError},
};

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

/// One connector.
pub struct Agent<D> {
    settings: Settings,
    dialer: Arc<D>,
    clock: Clock,
    rng: StdRng,
    waits: Waits,
    progress: watch::Sender<Progress>,
}

impl<D: Dialer> Agent<D> {
    /// An agent that has not begun. `seed` feeds jitter and the instance id; two agents need two seeds.
    pub fn new(settings: Settings, dialer: D, clock: Clock, seed: u64) -> Self {
        let dialer = Arc::new(dialer);
        let rng = StdRng::seed_from_u64(seed);
        let waits = settings.backoff.waits();
        Self { settings, dialer, clock, rng, waits, progress: watch::Sender::default() }
    }

    /// The agent's progress, live.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Runs until `stop` is cancelled; then closes the report stream with a Goodbye and returns.
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
        let identity = match self.known(&state)? {
            Some(identity) => identity,
            None => {
                let Some(identity) = self.enrol(&key, &host, stop).await? else { return Ok(()) };
                state.keep(&identity)?;
                identity
            }
        };
        self.show(|progress| progress.app_connector = Some(identity.app_connector.clone()));
        let tls_identity = identity.tls_identity(&key_pem)?;
        let trust = identity.trust()?;
        let tls = client_tls(Some(tls_identity.clone()), trust.clone(), &self.clock)?;
        let renewed = watch::Sender::new(CancellationToken::new());
        let (state, key, host) = (&state, &key, &host);
        let me =
            Enrolled { state, key_pem: &key_pem, key, host, tls_identity, trust, tls, renewed };
        let rng = StdRng::seed_from_u64(self.rng.random());
        let renewal = Renewal::new(self.clock.clone(), rng, self.progress.clone());
        tokio::select! {
            ended = self.sessions(&identity, &me, stop) => ended,
            refused = renewal.run(identity.clone(), &me) => Err(refused),
        }
    }

    /// What an earlier run was given, unless it has ended and there is a token to join with again. The key pair is the
    /// same, so joining again finds the same connector.
    fn known(&self, state: &StateDir) -> Result<Option<Identity>, StateError> {
        let Some(identity) = state.identity()? else { return Ok(None) };
        if !identity.expired(self.clock.now()) {
            return Ok(Some(identity));
        }
        let ended = identity.certificates.not_after;
        if self.settings.join_token.is_some() {
            tracing::warn!(%ended, "the certificate has ended: joining again with the join token");
            return Ok(None);
        }
        tracing::warn!(%ended, "the certificate has ended: only some services may still accept it; pass --join-token");
        Ok(Some(identity))
    }

    /// `None` if `stop` was cancelled meanwhile.
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
            self.waits.session_lasted(started.elapsed());
            let (problem, retry_after) = match end {
                End::Stopped => return Ok(()),
                End::Renewed => continue,
                End::Lost(refusal) if refusal.refuses_identity() => {
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
        // A channel of its own for each stream: the connection then presents the current leaf.
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

    /// Waits before the next attempt; `false` if `stop` was cancelled meanwhile.
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
        let wait = asked + self.waits.next(&mut self.rng);
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            () = stop.cancelled() => false,
        }
    }

    fn show(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(change);
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
