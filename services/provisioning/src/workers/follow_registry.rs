//! Follows registry's connectors, so that a deleted one is refused within seconds.
//!
//! Owns: what a deletion at registry means here: the identity is revoked in the ledger, listed for the siblings, and
//! refused by this process's listeners.
//! Always holds: what the stream said is applied before its token is passed; a lost stream is followed again from
//! there, or from a snapshot, which holds deleted connectors until they are purged.
//! Absent on purpose: a copy of registry. Whether a group exists is asked when it matters.

use futures::StreamExt;
use names::AppConnectorName;
use proto::registry::v1::{
    Event, ResourceType, WatchRequest, event::Resource,
    registry_service_client::RegistryServiceClient,
};
use rpc::{
    access::ALL_TENANTS,
    client::Channel,
    revocation::DenyList,
    watch::{Batch, Batches, Follower, Source, Update},
};
use runtime::{Clock, health::ServiceHealth};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{error::Error, metrics::Metrics, service::revoking::Revoking};

/// Name of the sibling in health.
const REGISTRY: &str = "registry";

/// Registry's Watch.
pub(crate) struct RegistryWatch(pub(crate) RegistryServiceClient<Channel>);

impl Source for RegistryWatch {
    type Event = Event;

    async fn open(&mut self, resume_token: String) -> Result<Batches<Event>, Status> {
        let request = WatchRequest {
            parent: ALL_TENANTS.to_owned(),
            types: vec![ResourceType::AppConnector.into()],
            resume_token,
            filter: String::new(),
        };
        let stream = self.0.watch(request).await?.into_inner();
        Ok(Box::pin(stream.map(|response| {
            response.map(|response| Batch {
                phase: response.phase(),
                events: response.events,
                end_of_commit: response.end_of_commit,
                resume_token: response.resume_token,
            })
        })))
    }
}

/// Applies what registry says, until the process ends.
pub(crate) struct FollowRegistry {
    pub(crate) revoking: Revoking,
    pub(crate) denied: DenyList,
    pub(crate) health: ServiceHealth,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
}

impl FollowRegistry {
    pub(crate) async fn run(self, source: RegistryWatch, stop: CancellationToken) {
        let mut follower = Follower::new(source, String::new(), rand::random());
        loop {
            let update = tokio::select! {
                update = follower.next() => update,
                () = stop.cancelled() => return,
            };
            self.apply(update).await;
        }
    }

    async fn apply(&self, update: Update<Event>) {
        let events = match update {
            Update::Reset(events) | Update::Commit(events) => events,
            Update::Alive => Vec::new(),
            Update::Lost(status) => {
                self.health.sibling(REGISTRY, false);
                tracing::debug!(%status, "lost the watch of registry");
                return;
            }
        };
        for event in events {
            if let Some(connector) = deleted(event) {
                self.refuse(connector).await;
            }
        }
        self.health.sibling(REGISTRY, true);
        self.metrics.registry_current(self.clock.now());
    }

    /// In memory first, so that a failing store delays the ledger and not the refusal.
    async fn refuse(&self, connector: AppConnectorName) {
        self.denied.deny_name(connector.clone());
        if let Err(error) = self.revoking.connector_deleted(&connector, self.clock.now()).await {
            log(&connector, &error);
        }
    }
}

/// A deleted connector that could not be revoked is found again with the next snapshot.
fn log(connector: &AppConnectorName, error: &Error) {
    tracing::error!(%connector, %error, "a deleted connector could not be revoked in the ledger");
}

/// The connector of an event that says it is deleted.
fn deleted(event: Event) -> Option<AppConnectorName> {
    use proto::r#type::v1::ChangeType;
    let purged = event.r#type() == ChangeType::Deleted;
    let Some(Resource::AppConnector(connector)) = event.resource else { return None };
    (purged || connector.delete_time.is_some()).then(|| connector.name.parse().ok()).flatten()
}
