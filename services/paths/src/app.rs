//! All of paths put together: the only place that knows every part.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use proto::paths::v1::paths_service_server::PathsServiceServer;
use ring::rand::{SecureRandom as _, SystemRandom};
use rpc::{
    client::{Channel, ClientConfig, connect},
    limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES},
    page::TokenKey,
};
use runtime::{
    follow::{Sibling, Siblings},
    health::Hold,
    process::{Deps, Mounts, Service, Shutdown},
    worker::Signal,
};
use store::{Store, StoreHealth};

use crate::{
    clients::{provisioning, provisioning::trust_source, registry, registry::ConfigurationWatch},
    config::Config,
    grpc::{Api, Parts},
    metrics::Metrics,
    service::{
        index::Index,
        report::ReportSettings,
        select::{SelectSettings, Selector},
        status::Statuses,
        token::Sealer,
        trust::Trust,
    },
    store::{Mirror, keys::Area, secret},
    workers::{
        feed::{ConfigurationMemory, Feed, TrustMemory},
        tidy::{self, Tidy},
    },
};

/// The service.
pub struct App {
    store: Store,
    api: Api,
    index: Arc<Index>,
    hold: Option<Hold>,
    /// Registry and provisioning, as they are followed.
    siblings: [Sibling; 2],
    configuration: (ConfigurationWatch, Feed<ConfigurationMemory>),
    trusted: (Channel, Feed<TrustMemory>),
    metrics: Metrics,
    deps: Deps,
}

impl Service for App {
    const NAME: &'static str = "paths";
    const GRPC_SERVICES: &'static [&'static str] = &["causeway.paths.v1.PathsService"];
    type Config = Config;

    async fn build(config: Config, deps: Deps) -> anyhow::Result<Self> {
        config.check()?;
        let clock = deps.clock.clone();
        let store = Store::open(config.store()?, move || clock.now()).await?;
        let metrics = Metrics::register(&deps.metrics);
        let index = Arc::new(Index::new(store.published().get()));
        let trust = Arc::new(Trust::new(deps.trust.clone(), &deps.denied));
        let configuration = restore_configuration(&store, &index).await?;
        let trusted = restore_trust(&store, &trust).await?;
        trust.set_deleted(index.deleted());
        let hold = (!index.is_ready())
            .then(|| deps.health.hold("no configuration has been loaded from registry yet"));
        let sealer = Sealer::new(&token_secret(&config, &store, deps.clock.now()).await?);
        let siblings = [Area::Registry, Area::Provisioning];
        let siblings = siblings.map(|area| deps.followers.sibling(area.word()));
        let known = (&index, &trust);
        let api = Api::new(parts(&config, &deps, &store, known, &siblings, sealer, &metrics));
        let channel = |endpoint: &str| {
            connect(&ClientConfig::new(endpoint, deps.client_tls.clone())).context("a sibling")
        };
        let (registry, provisioning) =
            (channel(&deps.peers.registry)?, channel(&deps.peers.provisioning)?);
        let memory = ConfigurationMemory { index: index.clone(), trust: trust.clone() };
        Ok(Self {
            siblings,
            configuration: (
                ConfigurationWatch::new(registry),
                Feed::new(memory, configuration, metrics.clone()),
            ),
            trusted: (provisioning, Feed::new(TrustMemory { trust }, trusted, metrics.clone())),
            store,
            api,
            index,
            hold,
            metrics,
            deps,
        })
    }

    fn mount(&self, mounts: &mut Mounts) {
        let server = PathsServiceServer::new(self.api.clone())
            .max_decoding_message_size(MAX_REQUEST_BYTES)
            .max_encoding_message_size(MAX_RESPONSE_BYTES);
        mounts.main.add_service(server);
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let Self { store, api: _, index, hold, siblings, configuration, trusted, metrics, deps } =
            self;
        deps.workers.spawn(Tidy { index, metrics }, tidy::PERIOD, Signal::new());
        let work = async {
            let [registry, provisioning] = siblings;
            let (watch, feed) = configuration;
            // Nobody waits for what provisioning withdraws: identities have 5 s.
            let confirming = watch.confirm(feed.applied());
            let (channel, trust_feed) = trusted;
            tokio::join!(
                registry.follow(watch.source(), feed, hold),
                confirming,
                provisioning.follow(trust_source(channel), trust_feed, None),
            );
            shutdown.workers.cancelled().await;
        };
        tokio::select! {
            () = work => {}
            // A failed store does not end this process: paths go on being answered from memory.
            () = deps.health.hold_while(store.health(), StoreHealth::refusal) => {}
        }
        store.close().await;
        Ok(())
    }
}

fn parts(
    config: &Config,
    deps: &Deps,
    store: &Store,
    (index, trust): (&Arc<Index>, &Arc<Trust>),
    siblings: &[Sibling],
    sealer: Sealer,
    metrics: &Metrics,
) -> Parts {
    let settings = SelectSettings {
        replicas: config.replicas,
        stale_after: config.stale_after,
        certificate_grace: config.certificate_grace,
    };
    let hash_key = sealer.hash_key();
    Parts {
        selector: Selector::new(index.clone(), trust.clone(), sealer, settings, metrics.clone()),
        statuses: Statuses::new(index.clone()),
        index: index.clone(),
        reports: ReportSettings { heartbeat_period: config.heartbeat_period, pace: config.pace() },
        metrics: metrics.clone(),
        clock: deps.clock.clone(),
        about: deps.about,
        store: store.clone(),
        siblings: Siblings::new(siblings.iter().cloned()),
        page_key: TokenKey::new(*store.epoch().as_bytes(), &hash_key),
        shutdown: deps.shutdown.clone(),
    }
}

/// What an earlier life of this process knew of the configuration.
async fn restore_configuration(store: &Store, index: &Index) -> anyhow::Result<Mirror> {
    let (mirror, messages) = Mirror::load(store.clone(), Area::Registry).await?;
    if let Some(confirmed) = mirror.progress().confirmed {
        let mut facts = Vec::with_capacity(messages.len());
        for message in &messages {
            facts.extend(registry::read(message).context("the copy of registry")?);
        }
        index.restore(facts, confirmed);
        tracing::info!(objects = messages.len(), %confirmed, "the configuration was restored from the copy");
    }
    Ok(mirror)
}

/// Whom an earlier life of this process trusted.
async fn restore_trust(store: &Store, trust: &Trust) -> anyhow::Result<Mirror> {
    let (mirror, messages) = Mirror::load(store.clone(), Area::Provisioning).await?;
    let mut facts = Vec::with_capacity(messages.len());
    for message in &messages {
        facts.extend(provisioning::read(message).context("the copy of provisioning")?);
    }
    trust.reset(facts);
    Ok(mirror)
}

async fn token_secret(config: &Config, store: &Store, now: Timestamp) -> anyhow::Result<Vec<u8>> {
    if !config.token_secret.is_empty() {
        return Ok(config.token_secret.clone().into_bytes());
    }
    let mut fresh = [0; 32];
    SystemRandom::new()
        .fill(&mut fresh)
        .map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
    Ok(secret(store, fresh, now).await?.to_vec())
}
