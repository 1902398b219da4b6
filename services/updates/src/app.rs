//! Puts the service together and runs it.

use proto::updates::v1::updates_service_server::UpdatesServiceServer;
use resource::history::History;
use rpc::{
    client::{ClientConfig, connect},
    limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES},
    page::TokenKey,
};
use runtime::{
    process::{Deps, Mounts, Service, Shutdown},
    worker::{Signal, Workers},
};
use store::{Store, StoreHealth};

use crate::{
    clients::Registry,
    config::Config,
    follow::Follow,
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
    follow: Follow,
}

impl Service for App {
    const NAME: &'static str = "updates";
    const GRPC_SERVICES: &'static [&'static str] = &["causeway.updates.v1.UpdatesService"];
    type Config = Config;

    async fn build(config: Config, deps: Deps) -> anyhow::Result<Self> {
        let Deps { about, clock, client_tls, peers, metrics, health, workers, .. } = deps;
        let now = clock.clone();
        let store = Store::open(config.store()?, move || now.now()).await?;
        let history = History::open(store.clone(), config.history.clone(), clock.now()).await?;
        let tokens = TokenKey::new(*store.epoch().as_bytes(), &[]);
        let rows = Rows::new(store);
        let hold = if rows.has_snapshot().await? {
            None
        } else {
            Some(health.hold("registry has not told its groups yet"))
        };
        let registry = Registry::new(connect(&ClientConfig::new(peers.registry, client_tls))?);
        let groups = Groups::new(rows.clone(), registry.clone(), clock.clone());
        let metrics = Metrics::register(&metrics);
        let configuration = Configuration {
            rows: rows.clone(),
            history: history.clone(),
            tenants: Tenants::new(rows.clone(), registry.clone()),
            metrics: metrics.clone(),
        };
        let schedules = Schedules::new(configuration.clone(), groups.clone());
        let policies = Policies::new(configuration.clone());
        let clock_of_calls = clock.clone();
        let api = Api { schedules, policies, configuration, tokens, clock: clock_of_calls, about };
        let follow = Follow { registry, groups, clock, metrics, health, hold };
        Ok(Self { api, rows, history, workers, follow })
    }

    fn mount(&self, mounts: &mut Mounts) {
        let server = UpdatesServiceServer::new(self.api.clone());
        let server = server
            .max_decoding_message_size(MAX_REQUEST_BYTES)
            .max_encoding_message_size(MAX_RESPONSE_BYTES);
        mounts.main.add_service(server);
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        self.workers.spawn(Trim(self.history), TRIM_PERIOD, Signal::new());
        // Watches end with the streams: when everything in this process ends, losing a sibling is no news.
        let health = self.follow.health.clone();
        let work = async {
            self.follow.run(shutdown.streams.clone()).await;
            shutdown.workers.cancelled().await;
        };
        tokio::select! {
            () = work => {}
            () = health.hold_while(self.rows.store().health(), StoreHealth::refusal) => {}
            reason = self.rows.store().failed() => anyhow::bail!("the store failed and must be opened anew: {reason}"),
        }
        self.rows.store().close().await;
        Ok(())
    }
}
