//! Puts the service together and runs it.

use proto::updates::v1::updates_service_server::UpdatesServiceServer;
use rpc::{
    client::{ClientConfig, connect},
    limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES},
};
use runtime::{
    follow::{Sibling, Siblings},
    health::{Hold, ServiceHealth},
    process::{Deps, Mounts, Service, Shutdown},
};
use store::{Store, StoreHealth};

use crate::{
    clients::Registry,
    config::Config,
    follow::{GroupSink, REGISTRY},
    grpc::Api,
    service::{groups::Groups, policies::Policies, schedules::Schedules},
    store::Keeper,
};

/// The built service.
pub struct App {
    api: Api,
    keeper: Keeper,
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
        let Deps { about, clock, client_tls, peers, health, followers, .. } = deps;
        let now = clock.clone();
        let store = Store::open(config.store(), move || now.now()).await?;
        let keeper = Keeper::new(store);
        let copy_of = keeper.snapshot().await?;
        let hold = copy_of.is_none().then(|| health.hold("registry has not told its groups yet"));
        let registry = Registry::new(connect(&ClientConfig::new(peers.registry, client_tls))?);
        let groups = Groups::new(keeper.clone(), registry.clone(), clock.clone());
        let schedules = Schedules::new(keeper.clone(), groups.clone(), clock.clone());
        let policies = Policies::new(keeper.clone(), clock.clone());
        let sibling = followers.sibling(REGISTRY);
        let siblings = Siblings::new([sibling.clone()]);
        Ok(Self {
            api: Api::new(schedules, policies, keeper.clone(), siblings, about),
            keeper,
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
        let Self { api: _, keeper, registry, sibling, sink, health, hold } = self;
        let work = async {
            sibling.follow(registry.groups(), sink, hold).await;
            shutdown.workers.cancelled().await;
        };
        tokio::select! {
            () = work => {}
            () = health.hold_while(keeper.store().health(), StoreHealth::refusal) => {}
            reason = keeper.store().failed() => anyhow::bail!("the store failed and must be opened anew: {reason}"),
        }
        keeper.store().close().await;
        Ok(())
    }
}
