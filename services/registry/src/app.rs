//! The composition root: what the registry is made of, and its life.

use std::sync::Arc;

use anyhow::Context;
use futures::FutureExt as _;
use proto::registry::v1::registry_service_server::RegistryServiceServer;
use resource::{cache::Feed, history::History};
use rpc::{
    client::{self, ClientConfig},
    limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES},
    page::TokenKey,
};
use runtime::{
    health::ServiceHealth,
    process::{Deps, Mounts, Service, Shutdown},
    tasks::Tasks,
    worker::{Signal, Turn, Workers},
};
use store::{Store, StoreHealth};

use crate::{
    clients::Keys,
    config::Config,
    grpc::Api,
    metrics::Metrics,
    service::{Ground, Population, Registry},
    store::reads,
    workers::{
        FIGURES_PERIOD, Figures, PURGE_PERIOD, Purge, SWEEP_PERIOD, Sweep, TRIM_PERIOD, Trim,
    },
};

/// The registry.
#[derive(Debug)]
pub struct App {
    store: Store,
    registry: Arc<Registry>,
    feed: Feed<Population>,
    api: Api,
    tasks: Tasks,
    workers: Workers,
    swept: Signal,
    health: ServiceHealth,
}

impl Service for App {
    const NAME: &'static str = "registry";
    const GRPC_SERVICES: &'static [&'static str] = &["causeway.registry.v1.RegistryService"];
    type Config = Config;

    async fn build(config: Config, deps: Deps) -> anyhow::Result<Self> {
        let clock = deps.clock.clone();
        let store = Store::open(config.store.store("registry", reads())?, move || clock.now())
            .await
            .with_context(|| format!("opening the store in {}", config.store.data_dir.display()))?;
        let history = History::open(store.clone(), config.history.clone(), deps.clock.now())
            .await
            .context("reading the store")?;
        let channel = client::connect(&ClientConfig::new(
            deps.peers.provisioning.clone(),
            Arc::clone(&deps.client_tls),
        ))?;
        let swept = Signal::new();
        let (registry, feed) = Registry::open(Ground {
            store: store.clone(),
            history,
            quotas: config.quotas.clone(),
            trust_domain: deps.trust.trust_domain().clone(),
            keys: Keys::new(channel),
            swept: swept.clone(),
            metrics: Metrics::new(&deps.metrics),
        })
        .await
        .context("reading the store")?;
        let registry = Arc::new(registry);
        let api = Api {
            clock: deps.clock.clone(),
            registry: Arc::clone(&registry),
            tokens: TokenKey::new(*store.epoch().as_bytes(), b""),
            streams: deps.shutdown.streams.clone(),
            about: deps.about,
        };
        let Deps { tasks, workers, health, .. } = deps;
        Ok(Self { store, registry, feed, api, tasks, workers, swept, health })
    }

    fn mount(&self, mounts: &mut Mounts) {
        let service = RegistryServiceServer::new(self.api.clone())
            .max_decoding_message_size(MAX_REQUEST_BYTES)
            .max_encoding_message_size(MAX_RESPONSE_BYTES);
        mounts.main.add_service(service);
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        self.tasks.spawn_vital("population", self.feed.run().map(Ok));
        self.workers.spawn(Figures(Arc::clone(&self.registry)), FIGURES_PERIOD, Signal::new());
        let workers = self.workers.in_turn(Turn::told(self.store.leads()));
        let purge = Purge(Arc::clone(&self.registry));
        workers.spawn(purge, PURGE_PERIOD, Signal::new());
        let trim = Trim(Arc::clone(&self.registry));
        workers.spawn(trim, TRIM_PERIOD, Signal::new());
        workers.spawn(Sweep(self.registry), SWEEP_PERIOD, self.swept);
        tokio::select! {
            () = shutdown.workers.cancelled() => {}
            () = self.health.hold_while(self.store.health(), StoreHealth::refusal) => {}
            reason = self.store.failed() => anyhow::bail!("the store failed and must be opened anew: {reason}"),
        }
        self.store.close().await;
        Ok(())
    }
}
