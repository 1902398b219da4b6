//! A registry and a provisioning that send the events which the test publishes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use futures::{Stream, StreamExt};
use proto::{
    google::r#type::LatLng,
    provisioning::v1::{
        self as provisioning,
        provisioning_service_server::{ProvisioningService, ProvisioningServiceServer},
    },
    registry::v1::{
        self as registry,
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

/// The objects of one sibling and their changes; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Events<E> {
    objects: Arc<Mutex<BTreeMap<String, E>>>,
    /// What epoch its tokens are of.
    life: Arc<AtomicU8>,
    changes: broadcast::Sender<E>,
}

impl<E: Clone> Default for Events<E> {
    fn default() -> Self {
        Self { objects: Arc::default(), life: Arc::default(), changes: broadcast::Sender::new(256) }
    }
}

impl<E: Clone + Send + 'static> Events<E> {
    /// An object is as the event says from now on.
    pub(crate) fn publish(&self, name: &str, event: E) {
        self.objects.lock().unwrap().insert(name.to_owned(), event.clone());
        // Without a watch yet the snapshot will have it.
        self.changes.send(event).ok();
    }

    /// A service that was made anew and knows nothing.
    pub(crate) fn forget_everything(&self) {
        self.objects.lock().unwrap().clear();
        self.life.fetch_add(1, Ordering::Relaxed);
    }

    fn token(life: u8) -> String {
        Etag::new(Epoch::from_bytes([life; 16]), Revision::new(1)).to_string()
    }

    /// Phase, events and token of a watch that begins now.
    fn watch(
        &self,
        end: CancellationToken,
    ) -> impl Stream<Item = (WatchPhase, Vec<E>, String)> + use<E> {
        let (later, life) = (self.changes.subscribe(), self.life.load(Ordering::Relaxed));
        let all: Vec<E> = self.objects.lock().unwrap().values().cloned().collect();
        let begin = [
            (WatchPhase::Snapshot, all, String::new()),
            (WatchPhase::SnapshotEnd, Vec::new(), Self::token(life)),
        ];
        let later = futures::stream::unfold(later, move |mut later| async move {
            let event = later.recv().await.ok()?;
            Some(((WatchPhase::Changes, vec![event], Self::token(life)), later))
        });
        futures::stream::iter(begin).chain(later).take_until(end.cancelled_owned())
    }
}

pub(crate) type ConfigurationEvents = Events<registry::Event>;
pub(crate) type TrustEvents = Events<provisioning::Event>;

fn added(resource: Resource) -> registry::Event {
    let change = ChangeType::Added.into();
    registry::Event { r#type: change, delete_cause: 0, resource: Some(resource) }
}

pub(crate) fn group_name(id: &str) -> String {
    format!("tenants/acme/appConnectorGroups/{id}")
}

pub(crate) fn connector_name(id: &str) -> String {
    format!("tenants/acme/appConnectors/{id}")
}

impl ConfigurationEvents {
    pub(crate) fn tenant(&self, id: &str) {
        let name = format!("tenants/{id}");
        let tenant = registry::Tenant { name: name.clone(), ..Default::default() };
        self.publish(&name, added(Resource::Tenant(tenant)));
    }

    pub(crate) fn group(&self, id: &str, (latitude, longitude): (f64, f64), enabled: bool) {
        let coordinates = Some(LatLng { latitude, longitude });
        let group = registry::AppConnectorGroup {
            name: group_name(id),
            enabled: Some(enabled),
            location: Some(registry::Location { coordinates, ..Default::default() }),
            ..Default::default()
        };
        self.publish(&group_name(id), added(Resource::AppConnectorGroup(group)));
    }

    pub(crate) fn connector(&self, id: &str, group: &str, deleted: bool) {
        let connector = registry::AppConnector {
            name: connector_name(id),
            app_connector_group: group_name(group),
            enabled: Some(true),
            delete_time: deleted.then(prost_types::Timestamp::default),
            ..Default::default()
        };
        self.publish(&connector_name(id), added(Resource::AppConnector(connector)));
    }

    /// A segment with a server group of the same id in front of the groups.
    pub(crate) fn segment(
        &self,
        id: &str,
        domain: &str,
        groups: &[&str],
        health: registry::HealthReporting,
    ) {
        let servers = format!("tenants/acme/serverGroups/{id}");
        let server_group = registry::ServerGroup {
            name: servers.clone(),
            enabled: Some(true),
            app_connector_groups: groups.iter().map(|group| group_name(group)).collect(),
            ..Default::default()
        };
        self.publish(&servers, added(Resource::ServerGroup(server_group)));
        let name = format!("tenants/acme/applicationSegments/{id}");
        let segment = registry::ApplicationSegment {
            name: name.clone(),
            domains: vec![domain.to_owned()],
            tcp_port_ranges: vec![registry::PortRange { first: 443, last: 443 }],
            server_groups: vec![servers],
            health_reporting: health.into(),
            ..Default::default()
        };
        self.publish(&name, added(Resource::ApplicationSegment(segment)));
    }
}

impl TrustEvents {
    pub(crate) fn authority(&self, tenant: &str, root: &[u8]) {
        let name = format!("tenants/{tenant}/certificateAuthority");
        let der = root.to_vec().into();
        let root = provisioning::CaCertificate { der, ..Default::default() };
        let authority = provisioning::CertificateAuthority {
            name: name.clone(),
            certificates: vec![root],
            ..Default::default()
        };
        let resource = provisioning::event::Resource::CertificateAuthority(authority);
        self.trust(&name, resource);
    }

    pub(crate) fn revoke(&self, connector: &str) {
        let app_connector = connector_name(connector);
        let revocation =
            provisioning::Revocation { app_connector: app_connector.clone(), ..Default::default() };
        self.trust(&app_connector, provisioning::event::Resource::Revocation(revocation));
    }

    fn trust(&self, name: &str, resource: provisioning::event::Resource) {
        let r#type = ChangeType::Added.into();
        let event = provisioning::Event { r#type, delete_cause: 0, resource: Some(resource) };
        self.publish(name, event);
    }
}

/// Both siblings, as one hosted service each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SiblingConfig {
    #[serde(skip)]
    pub(crate) configuration: ConfigurationEvents,
    #[serde(skip)]
    pub(crate) trust: TrustEvents,
}

#[derive(Clone)]
pub(crate) struct Registry(ConfigurationEvents, CancellationToken);

#[derive(Clone)]
pub(crate) struct Provisioning(TrustEvents, CancellationToken);

impl Service for Registry {
    const NAME: &'static str = "registry";
    const GRPC_SERVICES: &'static [&'static str] = &["causeway.registry.v1.RegistryService"];
    type Config = SiblingConfig;

    async fn build(config: SiblingConfig, deps: Deps) -> anyhow::Result<Self> {
        Ok(Self(config.configuration, deps.shutdown.streams))
    }

    fn mount(&self, mounts: &mut Mounts) {
        mounts.main.add_service(RegistryServiceServer::new(self.clone()));
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        shutdown.workers.cancelled().await;
        Ok(())
    }
}

impl Service for Provisioning {
    const NAME: &'static str = "provisioning";
    const GRPC_SERVICES: &'static [&'static str] =
        &["causeway.provisioning.v1.ProvisioningService"];
    type Config = SiblingConfig;

    async fn build(config: SiblingConfig, deps: Deps) -> anyhow::Result<Self> {
        Ok(Self(config.trust, deps.shutdown.streams))
    }

    fn mount(&self, mounts: &mut Mounts) {
        mounts.main.add_service(ProvisioningServiceServer::new(self.clone()));
    }

    async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        shutdown.workers.cancelled().await;
        Ok(())
    }
}

#[tonic::async_trait]
impl RegistryService for Registry {
    async fn watch(
        &self,
        _: Request<registry::WatchRequest>,
    ) -> Result<Response<BoxStream<registry::WatchResponse>>, Status> {
        let stream = self.0.watch(self.1.clone()).map(|(phase, events, resume_token)| {
            let end_of_commit = phase == WatchPhase::Changes;
            let phase = phase.into();
            Ok(registry::WatchResponse { phase, events, end_of_commit, resume_token })
        });
        Ok(Response::new(Box::pin(stream)))
    }
}

#[tonic::async_trait]
impl ProvisioningService for Provisioning {
    async fn watch(
        &self,
        _: Request<provisioning::WatchRequest>,
    ) -> Result<Response<BoxStream<provisioning::WatchResponse>>, Status> {
        let stream = self.0.watch(self.1.clone()).map(|(phase, events, resume_token)| {
            let end_of_commit = phase == WatchPhase::Changes;
            let phase = phase.into();
            Ok(provisioning::WatchResponse { phase, events, end_of_commit, resume_token })
        });
        Ok(Response::new(Box::pin(stream)))
    }
}
