//! Puts the service together and runs it.

use proto::updates::v1::updates_service_server::UpdatesServiceServer;
use rpc::{
    client::{ClientConfig, connect},
    limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES},
};
use runtime::process::{Deps, Mounts, Service, Shutdown};
use store::{Store, StoreHealth};

use crate::{
    clients::Registry,
    config::Config,
    follow::Follow,
    grpc::Api,
    metrics::Metrics,
    service::{groups::Groups, policies::Policies, schedules::Schedules},
    store::Keeper,
};

/// The built service.
pub struct App {
    api: Api,
    keeper: Keeper,
    follow: Follow,
}

impl Service for App {
    const NAME: &'static str = "updates";
    const GRPC_SERVICES: &'static [&'static str] = &["causeway.updates.v1.UpdatesService"];
    type Config = Config;

    async fn build(config: Config, deps: Deps) -> anyhow::Result<Self> {
        let Deps { about, clock, client_tls, peers, metrics, health, .. } = deps;
        let now = clock.clone();
        let store = Store::open(config.store(), move || now.now()).await?;
        let keeper = Keeper::new(store);
        let hold = if keeper.has_snapshot().await? {
            None
        } else {
            Some(health.hold("registry has not told its groups yet"))
        };
        let registry = Registry::new(connect(&ClientConfig::new(peers.registry, client_tls))?);
        let groups = Groups::new(keeper.clone(), registry.clone(), clock.clone());
        let schedules = Schedules::new(keeper.clone(), groups.clone(), clock.clone());
        let policies = Policies::new(keeper.clone(), clock.clone());
        let metrics = Metrics::register(&metrics);
        Ok(Self {
            api: Api::new(schedules, policies, keeper.clone(), about),
            keeper,
            follow: Follow { registry, groups, clock, metrics, health, hold },
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
        // Watches end with the streams: when everything in this process ends, losing a sibling is no news.
        let health = self.follow.health.clone();
        let work = async {
            self.follow.run(shutdown.streams.clone()).await;
            shutdown.workers.cancelled().await;
        };
        tokio::select! {
            () = work => {}
            () = health.hold_while(self.keeper.store().health(), StoreHealth::refusal) => {}
            reason = self.keeper.store().failed() => anyhow::bail!("the store failed and must be opened anew: {reason}"),
        }
        self.keeper.store().close().await;
        Ok(())
    }
}
