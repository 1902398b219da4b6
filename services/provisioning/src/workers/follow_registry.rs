//! Follows registry's connectors and groups, so that what is deleted there ends here within seconds.
//!
//! Owns: what a deletion at registry means here. Of a connector: its identity is revoked in the ledger, listed for the
//! siblings, and refused by this process's listeners. Of a group: its keys are deleted with it.
//! Always holds: what the stream said is applied before its token is passed; a lost stream is followed again from
//! there, or from a snapshot, which holds deleted connectors until they are purged.
//! Absent on purpose: a copy of registry (whether a group exists is asked when it matters), and giving keys back when
//! a group is undeleted, which comes with registry's UndeleteAppConnectorGroup.

use std::sync::Arc;

use names::{AppConnectorGroupName, AppConnectorName};
use proto::{
    registry::v1::{
        Event, ResourceType, WatchRequest, event::Resource,
        registry_service_client::RegistryServiceClient,
    },
    r#type::v1::ChangeType,
};
use rpc::{
    access::ALL_TENANTS,
    client::Channel,
    revocation::Voice,
    watch::{self, Follower, Source, Update},
};
use runtime::{Clock, health::ServiceHealth};
use tokio_util::sync::CancellationToken;

use crate::{
    error::Error,
    metrics::Metrics,
    service::{keys::Keys, revoking::Revoking},
};

/// Name of the sibling in health.
const REGISTRY: &str = "registry";

/// Registry's watch of all connectors and groups of all tenants, with what is deleted in it.
pub(crate) fn deletions(
    client: RegistryServiceClient<Channel>,
) -> impl Source<Event = Deleted> + use<> {
    let open = move |resume_token| {
        let mut client = client.clone();
        let request = WatchRequest {
            parent: ALL_TENANTS.to_owned(),
            types: vec![ResourceType::AppConnectorGroup.into(), ResourceType::AppConnector.into()],
            resume_token,
            filter: String::new(),
            follower: String::new(),
        };
        async move { client.watch(request).await }
    };
    watch::source(open, deleted)
}

/// Applies what registry says, until the process ends.
pub(crate) struct FollowRegistry {
    pub(crate) keys: Arc<Keys>,
    pub(crate) revoking: Revoking,
    /// Refuses deleted connectors in this process.
    pub(crate) denied: Voice,
    pub(crate) health: ServiceHealth,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Clock,
}

impl FollowRegistry {
    pub(crate) async fn run(self, source: impl Source<Event = Deleted>, stop: CancellationToken) {
        let mut follower = Follower::new(source, String::new(), rand::random());
        loop {
            let update = tokio::select! {
                update = follower.next() => update,
                () = stop.cancelled() => return,
            };
            self.apply(update).await;
        }
    }

    async fn apply(&self, update: Update<Deleted>) {
        let events = match update {
            Update::Reset(events) | Update::Commit(events) => events,
            Update::Alive => Vec::new(),
            Update::Lost(status) => {
                self.health.sibling(REGISTRY, false);
                tracing::debug!(%status, "lost the watch of registry");
                return;
            }
        };
        for deleted in events {
            if let Err(error) = self.end(&deleted).await {
                // It is found again with the next snapshot.
                tracing::error!(?deleted, %error, "what registry deleted could not be ended here");
            }
        }
        self.health.sibling(REGISTRY, true);
        self.metrics.registry_current(self.clock.now());
    }

    async fn end(&self, deleted: &Deleted) -> Result<(), Error> {
        let now = self.clock.now();
        match deleted {
            Deleted::Connector(connector) => {
                // In memory first, so that a failing store delays the ledger and not the refusal.
                self.denied.deny_name(connector.clone());
                self.revoking.connector_deleted(connector, now).await
            }
            Deleted::Group(group) => self.keys.group_deleted(group, now).await,
        }
    }
}

/// What is gone at registry.
#[derive(Clone, Debug)]
pub(crate) enum Deleted {
    Connector(AppConnectorName),
    Group(AppConnectorGroupName),
}

/// What an event says is deleted: softly, or for good.
fn deleted(event: Event) -> Option<Deleted> {
    let purged = event.r#type() == ChangeType::Deleted;
    match event.resource? {
        Resource::AppConnector(connector) if purged || connector.delete_time.is_some() => {
            connector.name.parse().ok().map(Deleted::Connector)
        }
        Resource::AppConnectorGroup(group) if purged || group.delete_time.is_some() => {
            group.name.parse().ok().map(Deleted::Group)
        }
        _ => None,
    }
}

#[cfg(test)]
mod fuzz {
    use prost::Message as _;
    use proto::registry::v1::{AppConnector, AppConnectorGroup};
    use trial::fuzz::Verdict;

    use super::*;

    fn event(change: ChangeType, resource: Resource) -> Vec<u8> {
        let event = Event { r#type: change.into(), resource: Some(resource), ..Event::default() };
        event.encode_to_vec()
    }

    #[test]
    fn any_bytes_of_registrys_watch_end_what_is_deleted_and_nothing_else() {
        let connector = AppConnector {
            name: "tenants/acme/appConnectors/berlin-1".to_owned(),
            ..AppConnector::default()
        };
        let group = AppConnectorGroup {
            name: "tenants/acme/appConnectorGroups/berlin".to_owned(),
            delete_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            ..AppConnectorGroup::default()
        };
        let target = trial::target!("registry_events");
        let lives = event(ChangeType::Modified, Resource::AppConnector(connector.clone()));
        let target =
            target.with(lives).with(event(ChangeType::Deleted, Resource::AppConnector(connector)));
        target.with(event(ChangeType::Added, Resource::AppConnectorGroup(group))).run(|input| {
            let Ok(event) = Event::decode(input) else {
                return Verdict::Refused("no message".to_owned());
            };
            let purged = event.r#type() == ChangeType::Deleted;
            let found = deleted(event.clone());
            let (name, is_deleted) = match (&found, event.resource) {
                (Some(Deleted::Connector(name)), Some(Resource::AppConnector(told))) => {
                    assert_eq!(name.to_string(), told.name);
                    (told.name, purged || told.delete_time.is_some())
                }
                (Some(Deleted::Group(name)), Some(Resource::AppConnectorGroup(told))) => {
                    assert_eq!(name.to_string(), told.name);
                    (told.name, purged || told.delete_time.is_some())
                }
                (None, _) => return Verdict::Refused("nothing is deleted".to_owned()),
                (found, told) => panic!("{found:?} of {told:?}"),
            };
            assert!(is_deleted, "{name} lives");
            Verdict::Taken
        });
    }
}
