//! Puts the service together and runs it.

use proto::updates::v1::updates_service_server::UpdatesServiceServer;
use resource::history::History;
use rpc::{
    client::{ClientConfig, connect},
    limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES},
    page::TokenKey,
};
use runtime::{
    follow::{Sibling, Siblings},
    health::{Hold, ServiceHealth},
    process::{Deps, Mounts, Service, Shutdown},
    worker::{Signal, Workers},
};
use store::{Store, StoreHealth};

use crate::{
    clients::Registry,
    config::Config,
    follow::{GroupSink, REGISTRY},
    grpc::Api,
    metrics::Metrics,
    service::{
        configuration::Configuration, groups::Groups, policies::Policies, schedules::Schedules,
        tenants::Tenants,
    },
    store::Rows,
    workers::{TRIM_PERIOD, Trim},
};

/// The built service.
pub struct App {
    api: Api,
    rows: Rows,
    history: History,
    workers: Workers,
    registry: Registry,
    sibling: Sibling,
    sink: GroupSink,
    health: ServiceHealth,
    /// What keeps the service from serving until there is a copy.
    hold: Option<Hold>,
}

impl Service for App {
    const NAME: &'static str = "updates";
    const GRPC_SERVICES: &'static [&'static str] = &["causeway.updates.v1.UpdatesService"];
    type Config = Config;

    async fn build(config: Config, deps: Deps) -> anyhow::Result<Self> {
        let Deps { about, clock, client_tls, peers, metrics, health, workers, followers, .. } =
            deps;
        let now = clock.clone();
        let store = Store::open(config.store()?, move || now.now()).await?;
        let history = History::open(store.clone(), config.history.clone(), clock.now()).await?;
        let tokens = TokenKey::new(*store.epoch().as_bytes(), &[]);
        let rows = Rows::new(store);
        let copy_of = rows.snapshot().await?;
        let hold = copy_of.is_none().then(|| health.hold("registry has not told its groups yet"));
        let registry = Registry::new(connect(&ClientConfig::new(peers.registry, client_tls))?);
        let groups = Groups::new(rows.clone(), registry.clone(), clock.clone());
        let configuration = Configuration {
            rows: rows.clone(),
            history: history.clone(),
            tenants: Tenants::new(rows.clone(), registry.clone()),
            metrics: Metrics::register(&metrics),
        };
        let schedules = Schedules::new(configuration.clone(), groups.clone());
        let policies = Policies::new(configuration.clone());
        let sibling = followers.sibling(REGISTRY);
        let siblings = Siblings::new([sibling.clone()]);
        Ok(Self {
            api: Api { schedules, policies, configuration, tokens, siblings, clock, about },
            rows,
            history,
            workers,
            registry,
            sibling,
            sink: GroupSink { groups, copy_of: copy_of.unwrap_or_default() },
            health,
            hold,
        })
    }

    fn mount(&self, mounts: &mut Mounts) {
        let server = UpdatesServiceServer::new(self.api.clone());
        let server = server
            .max_decoding_message_size(MAX_REQUEST_BYTES)
            .max_encoding_message_size(MAX_RESPONSE_BYTES);
        mounts.main.add_service(server);
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let Self { api: _, rows, history, workers, registry, sibling, sink, health, hold } = self;
        workers.spawn(Trim(history), TRIM_PERIOD, Signal::new());
        let work = async {
            sibling.follow(registry.groups(), sink, hold).await;
            shutdown.workers.cancelled().await;
        };
        tokio::select! {
            () = work => {}
            () = health.hold_while(rows.store().health(), StoreHealth::refusal) => {}
            reason = rows.store().failed() => anyhow::bail!("the store failed and must be opened anew: {reason}"),
        }
        rows.store().close().await;
        Ok(())
    }
}
