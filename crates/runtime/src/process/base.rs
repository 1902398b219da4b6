//! What a process owns before its services exist, and how it builds and runs them.

use anyhow::Context;
use rpc::{revocation::DenyList, tokens::TokenVerifier};
use tokio::sync::oneshot;

use super::{
    Addresses, Deps, Peers, Settings, Shutdown,
    hosted::{Built, Hosted},
    settings::PeerSettings,
};
use crate::{
    about::About,
    clock::Clock,
    follow::{FollowMetrics, Followers},
    health::Health,
    identity::{ServiceIdentity, SystemPki, TrustBundles, client_tls},
    metrics::Registry,
    tasks::Tasks,
    worker::Workers,
};

/// The parts of a process that its services share.
#[derive(Clone)]
pub(super) struct Base {
    pub(super) clock: Clock,
    pub(super) metrics: Registry,
    pub(super) tasks: Tasks,
    pub(super) workers: Workers,
    pub(super) follow_metrics: FollowMetrics,
    pub(super) health: Health,
    pub(super) shutdown: Shutdown,
    pub(super) pki: SystemPki,
    pub(super) trust: TrustBundles,
    pub(super) tokens: TokenVerifier,
    pub(super) denied: DenyList,
}

/// A service that runs: its name, and a receiver that ends with it.
pub(super) struct Ended {
    pub(super) name: &'static str,
    pub(super) end: oneshot::Receiver<()>,
}

impl Base {
    /// `server_identity` is the certificate of the process's listeners; its trust domain is the installation's.
    pub(super) fn new(
        settings: &Settings,
        clock: Clock,
        pki: SystemPki,
        server_identity: &ServiceIdentity,
    ) -> anyhow::Result<Self> {
        let metrics = Registry::new();
        let tasks = Tasks::new(&metrics);
        let shutdown = Shutdown::new();
        let stop = shutdown.workers.clone();
        let workers = Workers::new(tasks.clone(), clock.clone(), stop, &metrics);
        let trust = pki.bundles(server_identity)?;
        let tokens = match &settings.access.token_file {
            None => TokenVerifier::empty(),
            Some(path) => TokenVerifier::load(path).context("access.token_file")?,
        };
        let (health, denied) = (Health::new(), DenyList::new());
        Ok(Self {
            follow_metrics: FollowMetrics::register(&metrics),
            clock,
            metrics,
            tasks,
            workers,
            health,
            shutdown,
            pki,
            trust,
            tokens,
            denied,
        })
    }

    /// Builds one service with everything it needs.
    pub(super) async fn build(
        &self,
        hosted: Hosted,
        identity: ServiceIdentity,
        peers: &PeerSettings,
        addresses: Addresses,
    ) -> anyhow::Result<Box<dyn Built>> {
        let health = self.health.service(hosted.name, hosted.grpc_services);
        let (clock, metrics) = (self.clock.clone(), self.follow_metrics.clone());
        let stop = self.shutdown.streams.clone();
        let followers = Followers::new(health.clone(), clock, metrics, stop);
        let deps = Deps {
            about: About::starting(hosted.name, &self.clock),
            clock: self.clock.clone(),
            client_tls: client_tls(Some(identity.clone()), self.trust.clone(), &self.clock)?,
            identity,
            trust: self.trust.clone(),
            denied: self.denied.clone(),
            peers: Peers::resolve(peers, addresses),
            addresses,
            metrics: self.metrics.clone(),
            health,
            followers,
            tasks: self.tasks.clone(),
            workers: self.workers.clone(),
            shutdown: self.shutdown.clone(),
        };
        (hosted.build)(deps).await.with_context(|| format!("cannot start {}", hosted.name))
    }

    /// Runs a built service as a vital task. One that ends before the process is stopped fails the process.
    pub(super) fn run(&self, name: &'static str, service: Box<dyn Built>) -> Ended {
        let (alive, end) = oneshot::channel();
        let shutdown = self.shutdown.clone();
        self.tasks.spawn_vital(name, async move {
            let _alive = alive;
            service.run(shutdown.clone()).await?;
            anyhow::ensure!(shutdown.workers.is_cancelled(), "the service ended by itself");
            Ok(())
        });
        Ended { name, end }
    }
}

impl Peers {
    /// An empty setting is this process's own listener.
    fn resolve(settings: &PeerSettings, own: Addresses) -> Self {
        let at = |endpoint: &str| match endpoint {
            "" => format!("https://localhost:{}", own.main.port()),
            endpoint => endpoint.to_owned(),
        };
        let PeerSettings { registry, provisioning, updates, paths } = settings;
        Self {
            registry: at(registry),
            provisioning: at(provisioning),
            updates: at(updates),
            paths: at(paths),
        }
    }
}
