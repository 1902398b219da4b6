//! Puts the console together and runs it.

use std::sync::Arc;

use proto::overview::v1::overview_service_server::OverviewServiceServer;
use rpc::{
    client::{Channel, ClientConfig, ConnectError, connect},
    limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES},
};
use runtime::{
    follow::{Sibling, Siblings},
    health::Hold,
    process::{Deps, Mounts, Service, Shutdown},
};

use crate::{
    clients::{Paths, Provisioning, Registry, Updates},
    config::Config,
    follow::CopySink,
    grpc::Api,
    service::overviews::{Overviews, Sources},
};

/// The built service.
pub struct App {
    api: Api,
    sources: Arc<Sources>,
    provisioning: Provisioning,
    /// Registry and provisioning, as they are followed.
    siblings: [Sibling; 2],
    hold: Hold,
}

impl Service for App {
    const NAME: &'static str = "console";
    const GRPC_SERVICES: &'static [&'static str] = &["causeway.overview.v1.OverviewService"];
    type Config = Config;

    async fn build(config: Config, deps: Deps) -> anyhow::Result<Self> {
        let Deps { about, clock, client_tls, peers, health, followers, .. } = deps;
        let channel = |endpoint: String| -> Result<Channel, ConnectError> {
            let deadline = config.sibling_deadline;
            connect(&ClientConfig { deadline, ..ClientConfig::new(endpoint, client_tls.clone()) })
        };
        let sources = Arc::new(Sources {
            registered: Arc::default(),
            keys: Arc::default(),
            registry: Registry::new(channel(peers.registry)?),
            updates: Updates::new(channel(peers.updates)?),
            paths: Paths::new(channel(peers.paths)?),
        });
        let overviews = Overviews::new(sources.clone(), config.sibling_deadline, clock);
        let siblings = ["registry", "provisioning"].map(|name| followers.sibling(name));
        Ok(Self {
            api: Api::new(overviews, Siblings::new(siblings.clone()), about),
            sources,
            provisioning: Provisioning::new(channel(peers.provisioning)?),
            siblings,
            hold: health.hold("registry was not heard yet"),
        })
    }

    fn mount(&self, mounts: &mut Mounts) {
        let server = OverviewServiceServer::new(self.api.clone());
        let server = server
            .max_decoding_message_size(MAX_REQUEST_BYTES)
            .max_encoding_message_size(MAX_RESPONSE_BYTES);
        mounts.main.add_service(server);
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let Self { api: _, sources, provisioning, siblings: [registry, keys], hold } = self;
        let (registered, held) = (sources.registered.clone(), sources.keys.clone());
        futures::join!(
            registry.follow(sources.registry.watch(), CopySink(registered), Some(hold)),
            keys.follow(provisioning.keys(), CopySink(held), None),
        );
        shutdown.workers.cancelled().await;
        Ok(())
    }
}
