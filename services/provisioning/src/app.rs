//! The composition root: every part is made here, by hand, and started here.

use std::sync::Arc;

use ::store::{Store, StoreHealth};
use anyhow::Context;
use futures::FutureExt as _;
use proto::provisioning::v1::{
    enrolment_service_server::EnrolmentServiceServer,
    provisioning_service_server::ProvisioningServiceServer,
};
use resource::{
    cache::{self, Feed},
    history::History,
};
use rpc::{
    client::{ClientConfig, connect},
    limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES},
    page::TokenKey,
};
use runtime::{
    follow::{Sibling, Siblings},
    process::{Deps, Mounts, Service, Shutdown},
    worker::{Signal, Turn},
};

use crate::{
    clients::Registry,
    config::Config,
    grpc::{Api, EnrolmentApi, NextSteps, View},
    metrics::Metrics,
    service::{
        authorities::Authorities,
        enrol::Enrolling,
        finish::Finisher,
        folding::Folding,
        keys::{JoinFacts, Keys},
        ledger::Ledger,
        limits::FailureLimits,
        renewal::Renewal,
        reserving::Reserving,
        returning::Returning,
        revoking::Revoking,
        tenants::Tenants,
    },
    store::{Rows, reads},
    workers::{
        finish_reserved::{self, FinishReserved},
        follow_registry::{FollowRegistry, REGISTRY, watch_of},
        sweep::{self, Sweep},
        trim::{self, Trim},
    },
};

/// The service, built and not yet running.
pub struct App {
    store: Store,
    rows: Rows,
    registry: Registry,
    sibling: Sibling,
    feed: Feed<Authorities>,
    finisher: Finisher,
    joins: Folding<Reserving>,
    returns: Folding<Returning>,
    metrics: Metrics,
    provisioning: Api,
    enrolment: EnrolmentApi,
    deps: Deps,
}

impl Service for App {
    const NAME: &'static str = "provisioning";
    const GRPC_SERVICES: &'static [&'static str] = &[
        "causeway.provisioning.v1.ProvisioningService",
        "causeway.provisioning.v1.EnrolmentService",
    ];
    type Config = Config;

    async fn build(config: Config, deps: Deps) -> anyhow::Result<Self> {
        let store = open(&config, &deps).await?;
        let rows = Rows::new(store.clone());
        let history = History::open(store.clone(), config.history.clone(), deps.clock.now());
        let history = history.await.context("reading the store")?;
        let metrics = Metrics::new(&deps.metrics);
        let channel = connect(&ClientConfig::new(&deps.peers.registry, deps.client_tls.clone()))?;
        let registry = Registry::new(channel);
        let authorities = Authorities::new(rows.clone(), deps.trust.clone());
        let feed = cache::open(&store, Arc::new(authorities.clone()));
        let feed = feed.await.context("the tenants' authorities cannot be loaded")?;
        let (returns, give_back) = Folding::new(Returning { rows: rows.clone() });
        let finisher = Finisher {
            rows: rows.clone(),
            registry: registry.clone(),
            authorities: authorities.clone(),
            returns: give_back,
        };
        let sibling = deps.followers.sibling(REGISTRY);
        let siblings = Siblings::new([sibling.clone()]);
        let (enrolment, joins) = enrolment_handlers(&config, &deps, &rows, &finisher, &metrics);
        let keys = keys(&config, &deps, &rows, history, &registry)?;
        let provisioning = api(&deps, keys, siblings, &authorities, &metrics);
        Ok(Self {
            store,
            rows,
            registry,
            sibling,
            feed,
            finisher,
            joins,
            returns,
            metrics,
            provisioning,
            enrolment,
            deps,
        })
    }

    fn mount(&self, mounts: &mut Mounts) {
        mounts.main.add_service(
            ProvisioningServiceServer::new(self.provisioning.clone())
                .max_decoding_message_size(MAX_REQUEST_BYTES)
                .max_encoding_message_size(MAX_RESPONSE_BYTES),
        );
        mounts.enrolment.add_service(
            EnrolmentServiceServer::new(self.enrolment.clone())
                .max_decoding_message_size(MAX_REQUEST_BYTES)
                .max_encoding_message_size(MAX_RESPONSE_BYTES),
        );
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let Self {
            store,
            rows,
            registry,
            sibling,
            feed,
            finisher,
            joins,
            returns,
            metrics,
            provisioning,
            deps,
            ..
        } = self;
        deps.tasks.spawn_vital("authorities", feed.run().map(Ok));
        let workers = deps.workers.in_turn(Turn::told(store.leads()));
        let finish = FinishReserved { finisher, metrics };
        workers.spawn(finish, finish_reserved::PERIOD, Signal::new());
        let history = provisioning.keys.history.clone();
        let sweep = Sweep { rows: rows.clone(), history: history.clone() };
        workers.spawn(sweep, sweep::PERIOD, Signal::new());
        let trim = Trim { history };
        workers.spawn(trim, trim::PERIOD, Signal::new());
        let follow = FollowRegistry {
            keys: provisioning.keys,
            revoking: Revoking { rows: rows.clone() },
            denied: deps.denied.voice("provisioning/registry"),
            followed: rows.followed(REGISTRY).await?.unwrap_or_default(),
            rows,
        };
        let follow = async {
            sibling.follow(watch_of(registry.client()), follow, None).await;
            // Watches end before calls do.
            shutdown.workers.cancelled().await;
        };
        tokio::select! {
            () = follow => {}
            () = joins.run() => {}
            () = returns.run() => {}
            () = deps.health.hold_while(store.health(), StoreHealth::refusal) => {}
            reason = store.failed() => anyhow::bail!("the store failed and must be opened anew: {reason}"),
        }
        store.close().await;
        Ok(())
    }
}

async fn open(config: &Config, deps: &Deps) -> anyhow::Result<Store> {
    let clock = deps.clock.clone();
    let directory = config.store.data_dir.display();
    Store::open(config.store.store("provisioning", reads())?, move || clock.now())
        .await
        .with_context(|| format!("the store in {directory} cannot be opened"))
}

fn enrolment_handlers(
    config: &Config,
    deps: &Deps,
    rows: &Rows,
    finisher: &Finisher,
    metrics: &Metrics,
) -> (EnrolmentApi, Folding<Reserving>) {
    let limits = Arc::new(FailureLimits::new());
    let reserving = Reserving { rows: rows.clone(), limits: Arc::clone(&limits) };
    let (folding, joins) = Folding::new(reserving);
    let enrolling = Enrolling {
        rows: rows.clone(),
        finisher: finisher.clone(),
        limits,
        joins,
        metrics: metrics.clone(),
    };
    let next = NextSteps {
        provisioning_endpoint: or_else(&config.public_provisioning_endpoint, || {
            deps.peers.provisioning.clone()
        }),
        paths_endpoint: or_else(&config.public_paths_endpoint, || deps.peers.paths.clone()),
        heartbeat_period: config.heartbeat_period,
        probe_period: config.probe_period,
    };
    let enrolling = Arc::new(enrolling);
    (EnrolmentApi { enrolling, next, clock: deps.clock.clone() }, folding)
}

fn keys(
    config: &Config,
    deps: &Deps,
    rows: &Rows,
    history: History,
    registry: &Registry,
) -> anyhow::Result<Keys> {
    let (rows, registry) = (rows.clone(), registry.clone());
    let tenants = Tenants { rows: rows.clone(), registry: registry.clone() };
    let (join, quota) = (join_facts(config, deps)?, config.max_keys_per_tenant);
    Ok(Keys { rows, history, registry, tenants, join, quota })
}

fn api(
    deps: &Deps,
    keys: Keys,
    siblings: Siblings,
    authorities: &Authorities,
    metrics: &Metrics,
) -> Api {
    let rows = keys.rows.clone();
    let trust_domain = deps.trust.trust_domain().as_str().to_owned();
    Api {
        keys: Arc::new(keys),
        ledger: Ledger { rows: rows.clone() },
        authorities: authorities.clone(),
        renewal: Renewal { rows: rows.clone(), authorities: authorities.clone() },
        view: View { epoch: rows.epoch(), trust_domain },
        siblings,
        tokens: TokenKey::new(*rows.epoch().as_bytes(), &[]),
        metrics: metrics.clone(),
        about: deps.about,
        clock: deps.clock.clone(),
        streams: deps.shutdown.streams.clone(),
    }
}

fn join_facts(config: &Config, deps: &Deps) -> anyhow::Result<JoinFacts> {
    let listening = deps.addresses.enrolment.map(|address| format!("https://{address}"));
    let endpoint = or_else(&config.public_enrolment_endpoint, || listening.unwrap_or_default());
    anyhow::ensure!(
        !endpoint.is_empty(),
        "no enrolment listener; set server.enrolment_listen or provisioning.public_enrolment_endpoint"
    );
    let root_pin =
        deps.trust.system_root_pin().context("the process believes no root that can be pinned")?;
    Ok(JoinFacts { endpoint, root_pin })
}

fn or_else(setting: &str, default: impl FnOnce() -> String) -> String {
    if setting.is_empty() { default() } else { setting.to_owned() }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("rows", &self.rows).finish_non_exhaustive()
    }
}
