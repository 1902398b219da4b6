//! A registry that tells its groups as the test says.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use futures::StreamExt;
use proto::{
    registry::v1::{
        AppConnectorGroup, Event, GetAppConnectorGroupRequest, GetTenantRequest, Location, Tenant,
        WatchRequest, WatchResponse,
        event::Resource,
        registry_service_server::{RegistryService, RegistryServiceServer},
    },
    r#type::v1::{ChangeType, WatchPhase},
};
use runtime::process::{Deps, Mounts, Service, Shutdown};
use serde::{Deserialize, Serialize};
use store::{Epoch, Etag, Revision};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, codegen::BoxStream};

/// The uid of a group.
pub(crate) const FIRST: &str = "11111111-1111-4111-8111-111111111111";
/// The uid of a later group of the same name.
pub(crate) const SECOND: &str = "22222222-2222-4222-8222-222222222222";

/// What the registry tells; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    tenants: Arc<Mutex<BTreeMap<String, Tenant>>>,
    groups: Arc<Mutex<BTreeMap<String, AppConnectorGroup>>>,
    /// What epoch its tokens are of.
    life: Arc<AtomicU8>,
    changes: broadcast::Sender<WatchResponse>,
}

impl Default for Told {
    fn default() -> Self {
        let told = Self {
            tenants: Arc::default(),
            groups: Arc::default(),
            life: Arc::default(),
            changes: broadcast::Sender::new(64),
        };
        told.tenant("acme", "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa");
        told
    }
}

impl Told {
    /// A tenant that is there from now on.
    pub(crate) fn tenant(&self, id: &str, uid: &str) {
        let name = format!("tenants/{id}");
        let tenant = Tenant { name: name.clone(), uid: uid.into(), ..Tenant::default() };
        self.tenants.lock().unwrap().insert(name, tenant);
    }

    /// A group that the watch does not tell; it can only be asked for.
    pub(crate) fn whisper(&self, id: &str, zone: &str, uid: &str) -> AppConnectorGroup {
        let location = Location { effective_time_zone: zone.into(), ..Location::default() };
        let group = AppConnectorGroup {
            name: format!("tenants/acme/appConnectorGroups/{id}"),
            uid: uid.into(),
            location: Some(location),
            ..AppConnectorGroup::default()
        };
        self.groups.lock().unwrap().insert(group.name.clone(), group.clone());
        group
    }

    /// A group that is there from now on.
    pub(crate) fn group(&self, id: &str, zone: &str) {
        let group = self.whisper(id, zone, FIRST);
        self.announce(ChangeType::Modified, group);
    }

    /// The same name again, another group.
    pub(crate) fn reborn(&self, id: &str, zone: &str) {
        let group = self.whisper(id, zone, SECOND);
        self.announce(ChangeType::Added, group);
    }

    /// Soft delete.
    pub(crate) fn delete(&self, id: &str, zone: &str) {
        let mut group = self.whisper(id, zone, FIRST);
        group.delete_time = Some(prost_types::Timestamp::default());
        self.groups.lock().unwrap().insert(group.name.clone(), group.clone());
        self.announce(ChangeType::Modified, group);
    }

    /// Purge.
    pub(crate) fn purge(&self, id: &str) {
        let name = format!("tenants/acme/appConnectorGroups/{id}");
        let group = self.groups.lock().unwrap().remove(&name).unwrap();
        self.announce(ChangeType::Deleted, group);
    }

    /// A registry that was made anew and knows nothing.
    pub(crate) fn forget_everything(&self) {
        self.groups.lock().unwrap().clear();
        self.life.fetch_add(1, Ordering::Relaxed);
    }

    /// The token of this life.
    pub(crate) fn token(&self) -> String {
        let epoch = Epoch::from_bytes([self.life.load(Ordering::Relaxed); 16]);
        Etag::new(epoch, Revision::new(1)).to_string()
    }

    fn announce(&self, change: ChangeType, group: AppConnectorGroup) {
        let response = WatchResponse {
            phase: WatchPhase::Changes.into(),
            events: vec![event(change, group)],
            end_of_commit: true,
            resume_token: self.token(),
        };
        // Nobody may be watching yet; then the snapshot tells it.
        self.changes.send(response).ok();
    }
}

fn event(change: ChangeType, group: AppConnectorGroup) -> Event {
    let resource = Some(Resource::AppConnectorGroup(group));
    Event { r#type: change.into(), delete_cause: 0, resource }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ToldConfig {
    #[serde(skip)]
    pub(crate) told: Told,
}

/// The service.
#[derive(Clone)]
pub(crate) struct Registry {
    told: Told,
    end: CancellationToken,
}

impl Service for Registry {
    const NAME: &'static str = "registry";
    const GRPC_SERVICES: &'static [&'static str] = &["causeway.registry.v1.RegistryService"];
    type Config = ToldConfig;

    async fn build(config: ToldConfig, deps: Deps) -> anyhow::Result<Self> {
        Ok(Self { told: config.told, end: deps.shutdown.streams })
    }

    fn mount(&self, mounts: &mut Mounts) {
        mounts.main.add_service(RegistryServiceServer::new(self.clone()));
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        shutdown.workers.cancelled().await;
        Ok(())
    }
}

#[tonic::async_trait]
impl RegistryService for Registry {
    async fn get_app_connector_group(
        &self,
        request: Request<GetAppConnectorGroupRequest>,
    ) -> Result<Response<AppConnectorGroup>, Status> {
        let name = request.into_inner().name;
        let group = self.told.groups.lock().unwrap().get(&name).cloned();
        group.map(Response::new).ok_or_else(|| Status::not_found("no such group"))
    }

    async fn get_tenant(
        &self,
        request: Request<GetTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        let name = request.into_inner().name;
        let tenant = self.told.tenants.lock().unwrap().get(&name).cloned();
        tenant.map(Response::new).ok_or_else(|| Status::not_found("no such tenant"))
    }

    async fn watch(
        &self,
        _: Request<WatchRequest>,
    ) -> Result<Response<BoxStream<WatchResponse>>, Status> {
        let later = self.told.changes.subscribe();
        let groups: Vec<_> = self.told.groups.lock().unwrap().values().cloned().collect();
        let events = groups.into_iter().map(|group| event(ChangeType::Added, group)).collect();
        let phase = WatchPhase::Snapshot.into();
        let snapshot = WatchResponse { phase, events, ..WatchResponse::default() };
        let end = WatchResponse {
            phase: WatchPhase::SnapshotEnd.into(),
            resume_token: self.told.token(),
            ..WatchResponse::default()
        };
        let later = futures::stream::unfold(later, |mut later| async {
            later.recv().await.ok().map(|response| (response, later))
        });
        let told = futures::stream::iter([snapshot, end]).chain(later).map(Ok);
        Ok(Response::new(Box::pin(told.take_until(self.end.clone().cancelled_owned()))))
    }
}
