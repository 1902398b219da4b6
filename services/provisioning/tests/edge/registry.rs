//! A registry that does as it is told: refuses, is away, or loses its answers.

use names::Reason;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use futures::StreamExt;
use proto::{
    registry::v1::{
        AbandonRegistrationRequest, AbandonRegistrationResponse, AppConnector, AppConnectorGroup,
        CreateAppConnectorGroupRequest, Event, GetAppConnectorGroupRequest, GetAppConnectorRequest,
        GetTenantRequest, RegisterAppConnectorRequest, Tenant, TenantState, WatchRequest,
        WatchResponse,
        event::Resource,
        registry_service_server::{RegistryService, RegistryServiceServer},
    },
    r#type::v1::{ChangeType, WatchPhase},
};
use rpc::{Failure, Kind};
use runtime::process::{Deps, Mounts, Service, Shutdown};
use serde::{Deserialize, Serialize};
use store::{Epoch, Etag, Revision};
use tokio::sync::broadcast;
use tonic::{Request, Response, Status, codegen::BoxStream};
use uuid::Uuid;

/// How the registry answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Well,
    /// Every call is UNAVAILABLE and does nothing.
    Away,
    /// Registrations are made, and answered with UNAVAILABLE.
    LosesAnswers,
}

#[derive(Debug, Default)]
struct Inside {
    mood: Mood,
    groups: BTreeMap<String, AppConnectorGroup>,
    suspended: bool,
    full: bool,
    /// By enrolment.
    connectors: BTreeMap<String, AppConnector>,
    tombstones: BTreeSet<String>,
    /// How often the tenant was made anew.
    generation: u128,
}

/// What the test and the service share; it outlives restarts.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    inside: Arc<Mutex<Inside>>,
    /// What epoch its tokens are of.
    life: Arc<AtomicU8>,
    events: broadcast::Sender<Resource>,
}

impl Default for Script {
    fn default() -> Self {
        Self { inside: Arc::default(), life: Arc::default(), events: broadcast::channel(64).0 }
    }
}

impl Script {
    fn with<T>(&self, change: impl FnOnce(&mut Inside) -> T) -> T {
        change(&mut self.inside.lock().unwrap())
    }

    pub(crate) fn mood(&self, mood: Mood) {
        self.with(|inside| inside.mood = mood);
    }

    /// The uid of the tenant that is there now.
    pub(crate) fn tenant_uid(&self) -> Uuid {
        self.with(|inside| Uuid::from_u128(0xACE + inside.generation))
    }

    /// Another tenant takes the id of the one that is there.
    pub(crate) fn remake_tenant(&self) {
        self.with(|inside| inside.generation += 1);
    }

    pub(crate) fn suspend(&self, suspended: bool) {
        self.with(|inside| inside.suspended = suspended);
    }

    pub(crate) fn fill(&self, full: bool) {
        self.with(|inside| inside.full = full);
    }

    /// Makes or changes a group.
    pub(crate) fn group(&self, name: &str, enabled: bool) {
        let group = AppConnectorGroup {
            name: name.to_owned(),
            enabled: Some(enabled),
            ..AppConnectorGroup::default()
        };
        self.with(|inside| inside.groups.insert(name.to_owned(), group));
    }

    /// Names of the groups.
    pub(crate) fn groups(&self) -> Vec<String> {
        self.with(|inside| inside.groups.keys().cloned().collect())
    }

    /// Removes a group without a word, as for who has not heard yet.
    pub(crate) fn lose_group(&self, name: &str) {
        self.with(|inside| inside.groups.remove(name));
    }

    /// Deletes a group and announces it.
    pub(crate) fn delete_group(&self, name: &str) {
        let deleted = self.with(|inside| {
            let group = inside.groups.get_mut(name).unwrap();
            group.delete_time = Some(prost_types::Timestamp::default());
            group.clone()
        });
        // Nobody listening is no error: the snapshot holds it.
        let _ = self.events.send(Resource::AppConnectorGroup(deleted));
    }

    /// It was restored: its tokens are of another epoch.
    pub(crate) fn restore(&self) {
        self.life.fetch_add(1, Ordering::Relaxed);
    }

    /// Deletes a connector and announces it.
    pub(crate) fn delete_connector(&self, name: &str) {
        let deleted = self.with(|inside| {
            let connector = inside.connectors.values_mut().find(|c| c.name == name).unwrap();
            connector.delete_time = Some(prost_types::Timestamp::default());
            connector.clone()
        });
        // Nobody listening is no error: the snapshot holds it.
        let _ = self.events.send(Resource::AppConnector(deleted));
    }

    /// Names of the registered connectors.
    pub(crate) fn connectors(&self) -> Vec<String> {
        self.with(|inside| inside.connectors.values().map(|c| c.name.clone()).collect())
    }

    pub(crate) fn tombstones(&self) -> usize {
        self.with(|inside| inside.tombstones.len())
    }

    fn answer(&self) -> Result<(), Status> {
        match self.with(|inside| inside.mood) {
            Mood::Away => Err(Status::unavailable("away")),
            Mood::Well | Mood::LosesAnswers => Ok(()),
        }
    }

    fn register(&self, request: RegisterAppConnectorRequest) -> Result<AppConnector, Failure> {
        self.with(|inside| {
            let no = |kind, reason| Err(Failure::new(kind, reason, "no"));
            if let Some(known) = inside.connectors.get(&request.enrolment) {
                if known.delete_time.is_some() {
                    return no(Kind::FailedPrecondition, Reason::IdentityRevoked);
                }
                return Ok(known.clone());
            }
            if inside.tombstones.contains(&request.enrolment) {
                return no(Kind::FailedPrecondition, Reason::EnrolmentAbandoned);
            }
            if inside.suspended {
                return no(Kind::FailedPrecondition, Reason::TenantSuspended);
            }
            if inside.full {
                return no(Kind::ResourceExhausted, Reason::QuotaExceeded);
            }
            match inside.groups.get(&request.app_connector_group) {
                None => return no(Kind::NotFound, Reason::GroupNotFound),
                Some(group) if group.enabled == Some(false) => {
                    return no(Kind::FailedPrecondition, Reason::GroupDisabled);
                }
                Some(_) => {}
            }
            let connector = AppConnector {
                name: request.name,
                app_connector_group: request.app_connector_group,
                enrolment: request.enrolment.clone(),
                labels: request.labels,
                public_key_sha256: request.public_key_sha256,
                ..AppConnector::default()
            };
            inside.connectors.insert(request.enrolment, connector.clone());
            Ok(connector)
        })
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ScriptConfig {
    #[serde(skip)]
    pub(crate) script: Script,
}

/// The service, hosted in the process of the one under test.
#[derive(Clone)]
pub(crate) struct ScriptedRegistry {
    script: Script,
    deps: Deps,
}

impl Service for ScriptedRegistry {
    const NAME: &'static str = "registry";
    const GRPC_SERVICES: &'static [&'static str] = &["causeway.registry.v1.RegistryService"];
    type Config = ScriptConfig;

    async fn build(config: ScriptConfig, deps: Deps) -> anyhow::Result<Self> {
        Ok(Self { script: config.script, deps })
    }

    fn mount(&self, mounts: &mut Mounts) {
        mounts.main.add_service(RegistryServiceServer::new(self.clone()));
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        shutdown.workers.cancelled().await;
        Ok(())
    }
}

fn missing<T>(found: Option<T>) -> Result<Response<T>, Status> {
    let missing = || Failure::new(Kind::NotFound, Reason::ResourceNotFound, "no such object");
    found.map(Response::new).ok_or_else(|| missing().into())
}

fn event(resource: Resource) -> Event {
    Event { r#type: ChangeType::Modified.into(), delete_cause: 0, resource: Some(resource) }
}

#[tonic::async_trait]
impl RegistryService for ScriptedRegistry {
    async fn get_tenant(
        &self,
        request: Request<GetTenantRequest>,
    ) -> Result<Response<Tenant>, Status> {
        self.script.answer()?;
        let suspended = self.script.with(|inside| inside.suspended);
        let state = if suspended { TenantState::Suspended } else { TenantState::Active };
        let name = request.into_inner().name;
        let uid = self.script.tenant_uid().to_string();
        Ok(Response::new(Tenant { name, uid, state: state.into(), ..Tenant::default() }))
    }

    async fn get_app_connector_group(
        &self,
        request: Request<GetAppConnectorGroupRequest>,
    ) -> Result<Response<AppConnectorGroup>, Status> {
        self.script.answer()?;
        missing(self.script.with(|inside| inside.groups.get(&request.get_ref().name).cloned()))
    }

    async fn create_app_connector_group(
        &self,
        request: Request<CreateAppConnectorGroupRequest>,
    ) -> Result<Response<AppConnectorGroup>, Status> {
        self.script.answer()?;
        let request = request.into_inner();
        let group = request.app_connector_group.unwrap();
        if group.display_name.is_empty() {
            let refused = Failure::new(Kind::InvalidArgument, Reason::FieldsInvalid, "no")
                .violation("app_connector_group.display_name", Reason::Required, "name it");
            return Err(refused.into());
        }
        let name =
            format!("{}/appConnectorGroups/{}", request.parent, request.app_connector_group_id);
        if !request.validate_only {
            self.script.group(&name, true);
        }
        Ok(Response::new(AppConnectorGroup { name, ..group }))
    }

    async fn get_app_connector(
        &self,
        request: Request<GetAppConnectorRequest>,
    ) -> Result<Response<AppConnector>, Status> {
        self.script.answer()?;
        let name = &request.get_ref().name;
        missing(self.script.with(|inside| {
            inside.connectors.values().find(|connector| connector.name == *name).cloned()
        }))
    }

    async fn register_app_connector(
        &self,
        request: Request<RegisterAppConnectorRequest>,
    ) -> Result<Response<AppConnector>, Status> {
        self.script.answer()?;
        let registered = self.script.register(request.into_inner())?;
        if self.script.with(|inside| inside.mood) == Mood::LosesAnswers {
            return Err(Status::unavailable("the answer is lost"));
        }
        Ok(Response::new(registered))
    }

    async fn abandon_registration(
        &self,
        request: Request<AbandonRegistrationRequest>,
    ) -> Result<Response<AbandonRegistrationResponse>, Status> {
        self.script.answer()?;
        let enrolment = request.into_inner().enrolment;
        self.script.with(|inside| {
            if inside.connectors.contains_key(&enrolment) {
                return Err(Failure::new(
                    Kind::FailedPrecondition,
                    Reason::RegistrationStands,
                    "no",
                ));
            }
            inside.tombstones.insert(enrolment);
            Ok(())
        })?;
        Ok(Response::new(AbandonRegistrationResponse {}))
    }

    async fn watch(
        &self,
        _: Request<WatchRequest>,
    ) -> Result<Response<BoxStream<WatchResponse>>, Status> {
        self.script.answer()?;
        let later = self.script.events.subscribe();
        let now: Vec<_> = self.script.with(|inside| {
            let connectors = inside.connectors.values().filter(|c| c.delete_time.is_some());
            let groups = inside.groups.values().filter(|g| g.delete_time.is_some());
            let connectors = connectors.cloned().map(Resource::AppConnector);
            connectors.chain(groups.cloned().map(Resource::AppConnectorGroup)).collect()
        });
        let epoch = Epoch::from_bytes([self.script.life.load(Ordering::Relaxed); 16]);
        let response = move |phase: WatchPhase, events: Vec<Event>| WatchResponse {
            phase: phase.into(),
            events,
            end_of_commit: true,
            resume_token: Etag::new(epoch, Revision::new(1)).to_string(),
        };
        let snapshot = [
            Ok(response(WatchPhase::Snapshot, now.into_iter().map(event).collect())),
            Ok(response(WatchPhase::SnapshotEnd, Vec::new())),
        ];
        let changes = futures::stream::unfold(later, move |mut later| async move {
            let resource = later.recv().await.ok()?;
            Some((Ok(response(WatchPhase::Changes, vec![event(resource)])), later))
        });
        let streams = self.deps.shutdown.streams.clone();
        let all = futures::stream::iter(snapshot).chain(changes).take_until(async move {
            streams.cancelled().await;
        });
        Ok(Response::new(Box::pin(all)))
    }
}
