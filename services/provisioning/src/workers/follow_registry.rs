//! Follows registry's connectors and groups, so that what is deleted there ends here within seconds.
//!
//! Owns: what a deletion at registry means here. Of a connector: its identity is revoked in the ledger, listed for the
//! siblings, and refused by this process's listeners. Of a group: its keys are deleted with it.
//! Always holds: what registry said is carried out before its token is passed; one object that cannot be ended does not
//! keep the others from ending; a start reads a snapshot, which holds deleted connectors until they are purged.
//! Absent on purpose: a copy of registry (whether a group exists is asked when it matters), and giving keys back when
//! a group is undeleted, which comes with registry's UndeleteAppConnectorGroup.
//!
//! ## Design notes
//! An object that registry's snapshot lacks ends nothing here, so no share of missing ones is looked at. But what is ended
//! stays ended, and a registry that was restored may name deletions that were taken back since its backup. So its life is
//! kept in the store, and another one is carried out only when a system administrator accepts it.

use std::sync::Arc;

use jiff::Timestamp;
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
    watch::{self, Source, epoch},
};
use runtime::follow::{Position, Sink, Start, Tally};

use crate::{
    error::Error,
    service::{keys::Keys, revoking::Revoking},
    store::Rows,
};

/// Name of the sibling in health, metrics, AcceptSnapshot and the store.
pub(crate) const REGISTRY: &str = "registry";

/// Registry's watch of all connectors and groups of all tenants.
pub(crate) fn watch_of(
    client: RegistryServiceClient<Channel>,
) -> impl Source<Event = Told> + use<> {
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
    watch::source(open, told)
}

/// What registry says of a connector or group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    subject: Subject,
    /// Softly, or for good.
    is_deleted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Connector(AppConnectorName),
    Group(AppConnectorGroupName),
}

/// Carries out what registry says.
pub(crate) struct FollowRegistry {
    pub(crate) keys: Arc<Keys>,
    pub(crate) revoking: Revoking,
    pub(crate) rows: Rows,
    /// Refuses deleted connectors in this process.
    pub(crate) denied: Voice,
    /// A token of the life of registry that is followed; empty before the first.
    pub(crate) followed: String,
}

impl Sink for FollowRegistry {
    type Event = Told;
    type Error = Error;

    fn start(&self) -> Start {
        Start { resume_token: String::new(), copy_of: self.followed.clone() }
    }

    fn name(told: &Told) -> String {
        match &told.subject {
            Subject::Connector(name) => name.to_string(),
            Subject::Group(name) => name.to_string(),
        }
    }

    async fn held(&mut self, tally: &mut Tally) -> Result<(), Error> {
        if self.rows.has_any().await? {
            tally.rests_on_source();
        }
        Ok(())
    }

    async fn reset(&mut self, all: &[Told], at: &Position<'_>) -> Result<(), Error> {
        // In memory first, so that a failing store delays the ledger and not the refusal.
        self.denied.replace_names(all.iter().filter_map(deleted_connector).cloned().collect());
        self.end_all(all, at.now).await?;
        if self.followed.is_empty() || epoch(&self.followed) != epoch(at.token) {
            self.rows.set_followed(REGISTRY, at.token, at.now).await?;
            at.token.clone_into(&mut self.followed);
        }
        Ok(())
    }

    async fn apply(&mut self, commit: &[Told], at: &Position<'_>) -> Result<(), Error> {
        for told in commit {
            if let Subject::Connector(name) = &told.subject {
                if told.is_deleted {
                    self.denied.deny_name(name.clone());
                } else {
                    // Undeleted: what provisioning itself revoked stays revoked in the ledger.
                    self.denied.allow_name(name);
                }
            }
        }
        self.end_all(commit, at.now).await
    }
}

impl FollowRegistry {
    /// Ends all that is deleted; the first error, when some could not be ended.
    async fn end_all(&self, all: &[Told], now: Timestamp) -> Result<(), Error> {
        let mut outcome = Ok(());
        for told in all.iter().filter(|told| told.is_deleted) {
            let ended = match &told.subject {
                Subject::Connector(connector) => {
                    self.revoking.connector_deleted(connector, now).await
                }
                Subject::Group(group) => self.keys.group_deleted(group, now).await,
            };
            outcome = outcome.and(ended);
        }
        outcome
    }
}

fn deleted_connector(told: &Told) -> Option<&AppConnectorName> {
    match &told.subject {
        Subject::Connector(name) if told.is_deleted => Some(name),
        _ => None,
    }
}

/// What an event says; `None` for what is neither a connector nor a group, or has a name that is none.
fn told(event: Event) -> Option<Told> {
    let purged = event.r#type() == ChangeType::Deleted;
    let (subject, delete_time) = match event.resource? {
        Resource::AppConnector(connector) => {
            (Subject::Connector(connector.name.parse().ok()?), connector.delete_time)
        }
        Resource::AppConnectorGroup(group) => {
            (Subject::Group(group.name.parse().ok()?), group.delete_time)
        }
        _ => return None,
    };
    Some(Told { subject, is_deleted: purged || delete_time.is_some() })
}

#[cfg(test)]
mod tests;

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
            let found = told(event.clone());
            let (name, is_deleted) = match (&found, event.resource) {
                (Some(found), Some(Resource::AppConnector(sent))) => {
                    assert!(matches!(found.subject, Subject::Connector(_)));
                    (sent.name, purged || sent.delete_time.is_some())
                }
                (Some(found), Some(Resource::AppConnectorGroup(sent))) => {
                    assert!(matches!(found.subject, Subject::Group(_)));
                    (sent.name, purged || sent.delete_time.is_some())
                }
                (None, _) => return Verdict::Refused("neither connector nor group".to_owned()),
                (found, sent) => panic!("{found:?} of {sent:?}"),
            };
            let found = found.expect("it was found");
            assert_eq!((FollowRegistry::name(&found), found.is_deleted), (name, is_deleted));
            Verdict::Taken
        });
    }
}
