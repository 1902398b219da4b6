//! The four siblings, on real sockets.

use std::sync::atomic::Ordering;

use futures::{Stream, StreamExt};
use proto::{
    paths::v1::{
        ListConnectorStatusesRequest, ListConnectorStatusesResponse,
        paths_service_server::{PathsService, PathsServiceServer},
    },
    provisioning::v1::{
        self as provisioning,
        provisioning_service_server::{ProvisioningService, ProvisioningServiceServer},
    },
    registry::v1::{
        self as registry, AppConnectorGroup, GetAppConnectorGroupRequest, GetTenantRequest, Tenant,
        registry_service_server::{RegistryService, RegistryServiceServer},
    },
    r#type::v1::WatchPhase,
    updates::v1::{
        BatchGetUpdateSchedulesRequest, BatchGetUpdateSchedulesResponse, EffectiveVersionProfile,
        NextPeriodicUpdate, UpdateSchedule,
        updates_service_server::{UpdatesService, UpdatesServiceServer},
    },
};
use runtime::process::{Deps, Mounts, Service, Shutdown};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, codegen::BoxStream};

use crate::world::World;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct WorldConfig {
    #[serde(skip)]
    pub(crate) world: World,
}

/// A sibling that knows the world.
macro_rules! sibling {
    ($name:ident, $word:literal, $grpc:literal, $server:ident) => {
        #[derive(Clone)]
        pub(crate) struct $name {
            world: World,
            #[allow(dead_code, reason = "only those with a watch end it")]
            end: CancellationToken,
        }

        impl Service for $name {
            const NAME: &'static str = $word;
            const GRPC_SERVICES: &'static [&'static str] = &[$grpc];
            type Config = WorldConfig;

            async fn build(config: WorldConfig, deps: Deps) -> anyhow::Result<Self> {
                Ok(Self { world: config.world, end: deps.shutdown.streams })
            }

            fn mount(&self, mounts: &mut Mounts) {
                mounts.main.add_service($server::new(self.clone()));
            }

            async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
                shutdown.workers.cancelled().await;
                Ok(())
            }
        }
    };
}

sibling!(Registry, "registry", "causeway.registry.v1.RegistryService", RegistryServiceServer);
sibling!(
    Provisioning,
    "provisioning",
    "causeway.provisioning.v1.ProvisioningService",
    ProvisioningServiceServer
);
sibling!(Updates, "updates", "causeway.updates.v1.UpdatesService", UpdatesServiceServer);
sibling!(Paths, "paths", "causeway.paths.v1.PathsService", PathsServiceServer);

/// Everything that is sent later, one by one.
fn later<T: Clone + Send + 'static>(receiver: broadcast::Receiver<T>) -> impl Stream<Item = T> {
    futures::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.ok().map(|event| (event, receiver))
    })
}

#[tonic::async_trait]
impl RegistryService for Registry {
    async fn get_tenant(
        &self,
        request: Request<GetTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        match request.into_inner().name {
            name if name == "tenants/acme" => {
                Ok(Response::new(Tenant { name, ..Tenant::default() }))
            }
            _ => Err(Status::not_found("no such tenant")),
        }
    }

    async fn get_app_connector_group(
        &self,
        request: Request<GetAppConnectorGroupRequest>,
    ) -> Result<Response<AppConnectorGroup>, Status> {
        let name = request.into_inner().name;
        if name.ends_with("/only-asked") {
            return Ok(Response::new(crate::world::group("only-asked")));
        }
        Err(Status::not_found("no such group"))
    }

    async fn watch(
        &self,
        _: Request<registry::WatchRequest>,
    ) -> Result<Response<BoxStream<registry::WatchResponse>>, Status> {
        let later = later(self.world.register.subscribe());
        let events = self.world.registered.lock().unwrap().clone();
        let response = |phase: WatchPhase, events| registry::WatchResponse {
            phase: phase.into(),
            events,
            end_of_commit: true,
            resume_token: "t".into(),
        };
        let snapshot =
            [response(WatchPhase::Snapshot, events), response(WatchPhase::SnapshotEnd, vec![])];
        let later = later.map(move |event| response(WatchPhase::Changes, vec![event]));
        let told = futures::stream::iter(snapshot).chain(later).map(Ok);
        Ok(Response::new(Box::pin(told.take_until(self.end.clone().cancelled_owned()))))
    }
}

#[tonic::async_trait]
impl ProvisioningService for Provisioning {
    async fn watch(
        &self,
        _: Request<provisioning::WatchRequest>,
    ) -> Result<Response<BoxStream<provisioning::WatchResponse>>, Status> {
        let mut down = self.world.provisioning_down.subscribe();
        if *down.borrow() {
            return Err(Status::unavailable("provisioning is down"));
        }
        let later = later(self.world.key.subscribe());
        let events = self.world.keys.lock().unwrap().clone();
        let resume_token = self.world.key_token();
        let response = move |phase: WatchPhase, events| provisioning::WatchResponse {
            phase: phase.into(),
            events,
            end_of_commit: true,
            resume_token: resume_token.clone(),
        };
        let snapshot =
            [response(WatchPhase::Snapshot, events), response(WatchPhase::SnapshotEnd, vec![])];
        let later = later.map(move |event| response(WatchPhase::Changes, vec![event]));
        let told = futures::stream::iter(snapshot).chain(later).map(Ok);
        let end = self.end.clone();
        let end = async move {
            tokio::select! {
                () = end.cancelled() => {}
                _ = down.wait_for(|down| *down) => {}
            }
        };
        Ok(Response::new(Box::pin(told.take_until(Box::pin(end)))))
    }
}

#[tonic::async_trait]
impl UpdatesService for Updates {
    async fn batch_get_update_schedules(
        &self,
        request: Request<BatchGetUpdateSchedulesRequest>,
    ) -> Result<Response<BatchGetUpdateSchedulesResponse>, Status> {
        if self.world.updates_down.load(Ordering::Relaxed) {
            return Err(Status::failed_precondition("updates is down"));
        }
        let names = request.into_inner().names;
        let (not_found, known) = names.into_iter().partition(|name| name.contains("/too-new/"));
        let schedule = |name: String| UpdateSchedule {
            name,
            persist_local_version_profile: Some(true),
            effective_version_profile: Some(EffectiveVersionProfile {
                version_profile: "versionProfiles/new-release".into(),
                ..EffectiveVersionProfile::default()
            }),
            next_periodic_update: Some(NextPeriodicUpdate {
                local_start: "2026-11-29 02:00:00".into(),
                ..NextPeriodicUpdate::default()
            }),
            ..UpdateSchedule::default()
        };
        let known: Vec<String> = known;
        let update_schedules = known.into_iter().map(schedule).collect();
        Ok(Response::new(BatchGetUpdateSchedulesResponse { update_schedules, not_found }))
    }
}

#[tonic::async_trait]
impl PathsService for Paths {
    async fn list_connector_statuses(
        &self,
        request: Request<ListConnectorStatusesRequest>,
    ) -> Result<Response<ListConnectorStatusesResponse>, Status> {
        if self.world.paths_hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let group = request.into_inner().app_connector_group;
        let statuses = self.world.statuses.lock().unwrap();
        let connector_statuses =
            statuses.iter().filter(|status| status.app_connector_group == group).cloned().collect();
        let next_page_token = String::new();
        Ok(Response::new(ListConnectorStatusesResponse { connector_statuses, next_page_token }))
    }
}
