//! What a service is to the process that hosts it.

use std::{future::Future, net::SocketAddr, sync::Arc};

use rpc::revocation::DenyList;
use rustls::ClientConfig;
use tonic::service::RoutesBuilder;

use super::Shutdown;
use crate::{
    about::About,
    clock::Clock,
    follow::Followers,
    health::ServiceHealth,
    identity::{ServiceIdentity, TrustBundles},
    metrics::Registry,
    tasks::Tasks,
    worker::Workers,
};

/// What a process gives to each service that it hosts.
#[derive(Clone, Debug)]
pub struct Deps {
    /// What the service reports about itself.
    pub about: About,
    /// Where time comes from.
    pub clock: Clock,
    /// The service's own certificate and key.
    pub identity: ServiceIdentity,
    /// The roots that the process trusts; provisioning and paths add the tenants'.
    pub trust: TrustBundles,
    /// Connectors and certificates refused by every listener of the process; a service that learns of a deletion, a
    /// disabling or a revocation adds it.
    pub denied: DenyList,
    /// TLS for calls to siblings, with `identity` and the system's roots, both live.
    pub client_tls: Arc<ClientConfig>,
    /// Where the siblings are.
    pub peers: Peers,
    /// Where this process listens.
    pub addresses: Addresses,
    /// The process's metrics.
    pub metrics: Registry,
    /// What holds the service back from serving.
    pub health: ServiceHealth,
    /// What the service follows its siblings with.
    pub followers: Followers,
    /// Where background tasks are started.
    pub tasks: Tasks,
    /// Where workers are started; they stop with [`Shutdown::workers`].
    pub workers: Workers,
    /// The phases of the end.
    pub shutdown: Shutdown,
}

/// Where the siblings are, as `https://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    /// The registry.
    pub registry: String,
    /// Provisioning.
    pub provisioning: String,
    /// Updates.
    pub updates: String,
    /// Paths.
    pub paths: String,
}

/// Where a process listens; ports are never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The API.
    pub main: SocketAddr,
    /// Enrolment, where it is offered.
    pub enrolment: Option<SocketAddr>,
    /// Probes and metrics.
    pub admin: SocketAddr,
}

/// The gRPC services that the hosted services offer, by listener.
#[derive(Debug, Default)]
pub struct Mounts {
    /// The API: certificate or token, as each method's access option demands.
    pub main: RoutesBuilder,
    /// For callers without an identity: only the server is authenticated, and calls are rate-limited.
    pub enrolment: RoutesBuilder,
}

/// One of the control plane's services, hosted alone or with others.
pub trait Service: Sized + Send + 'static {
    /// Name in configuration, identity and logs: `registry`, `provisioning`, …
    const NAME: &'static str;
    /// Full names of the gRPC services it offers, for health and reflection:
    /// `causeway.registry.v1.RegistryService`, …
    const GRPC_SERVICES: &'static [&'static str];
    /// Whether browsers talk to it, so that its listener speaks HTTP/1.1 too.
    const HTTP1: bool = false;
    /// Its section of the configuration; `Default` holds the value of every setting that is not set.
    type Config: serde::Serialize + serde::de::DeserializeOwned + Default + Send;

    /// Opens the store and builds every part. Starts nothing.
    fn build(config: Self::Config, deps: Deps)
    -> impl Future<Output = anyhow::Result<Self>> + Send;

    /// Adds its gRPC services.
    fn mount(&self, mounts: &mut Mounts);

    /// Starts workers and watch clients, serves until `shutdown.workers`, then closes the store and returns.
    /// Returning earlier, or an error, ends the process with a failure.
    fn run(self, shutdown: Shutdown) -> impl Future<Output = anyhow::Result<()>> + Send;
}
