//! What the Watch shows, and who follows it.
//!
//! Absent on purpose: the stream itself (`resource::watch`), and filters (refused).

use std::sync::Arc;

use names::{Reason, Violations};
use proto::{
    registry::v1::{
        ConfirmWatchRequest, ConfirmWatchResponse, Event, ResourceType, WatchRequest,
        WatchResponse, event,
    },
    r#type::v1::WatchPhase,
};
use resource::{
    Fault,
    watch::{self, Events, Happened, Responses, Watching, happened},
};
use rpc::{Answer, Refuse as _, access::Scope, open};
use store::{Change, Prefix, Revision, Row};
use tonic::{Request, Response};
use uuid::Uuid;

use super::{Api, convert::Wire};
use crate::{
    domain::{Kind, for_each_kind},
    service::Registry,
    store::{Rows, kind_of, objects},
};

impl Api {
    pub(super) async fn open_watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Answer<Responses<Objects>> {
        let (caller, message) = open(request)?;
        let WatchRequest { parent, types, resume_token, filter, follower } = message;
        let scope = caller.authorise_scope(&parent)?;
        let mut problems = Violations::new();
        if !filter.is_empty() {
            let fix = "filters of a watch are not built yet; leave it empty";
            problems.add("filter", Reason::Planned, fix);
        }
        let follower = follower_id(&follower, &mut problems);
        if follower.is_some() && !(matches!(*scope, Scope::All) && types.is_empty()) {
            let fix =
                "a follower watches `tenants/-` and every kind; leave `types` empty, or `follower`";
            problems.add("follower", Reason::NotAllowed, fix);
        }
        let kinds = kinds(&types, &mut problems);
        problems.finish()?;
        let store = self.registry.rows().store();
        let from = watch::from(store, &resume_token)?;
        let tenant = match &*scope {
            Scope::All => None,
            Scope::Tenant(tenant) => Some(tenant),
        };
        let prefixes: Vec<Prefix> = kinds.into_iter().map(|kind| objects(kind, tenant)).collect();
        let following = follower.map(|id| self.registry.followers().follow(id));
        let events = Objects(Arc::clone(&self.registry));
        let watching = Watching { caller, streams: self.streams.clone() };
        let stream = watch::open(store, prefixes, from, events, watching, following).await?;
        Ok(Response::new(stream))
    }

    /// Notes how far a follower's answers have come.
    pub(super) async fn confirm(
        &self,
        request: Request<ConfirmWatchRequest>,
    ) -> Answer<ConfirmWatchResponse> {
        let (_, ConfirmWatchRequest { follower, resume_token }) = open(request)?;
        let mut problems = Violations::new();
        let id = follower_id(&follower, &mut problems);
        if follower.is_empty() {
            problems.missing("follower", "send the `follower` of the watch");
        }
        if resume_token.is_empty() {
            problems.missing("resume_token", "send the resume_token of the last response applied");
        }
        let id = problems.finish_with(|| id)?;
        let revision = watch::revision(self.registry.rows().store(), &resume_token)?;
        self.registry.followers().confirm(id, revision);
        Ok(Response::new(ConfirmWatchResponse {}))
    }
}

fn kinds(types: &[i32], problems: &mut Violations) -> Vec<Kind> {
    let mut found = Vec::new();
    for (index, &number) in types.iter().enumerate() {
        let at = format!("types[{index}]");
        let word = ResourceType::try_from(number).ok().map(|word| word.as_str_name());
        let named = |kind: &Kind| {
            let field = kind.field().to_uppercase();
            word.and_then(|word| word.strip_prefix("RESOURCE_TYPE_")) == Some(field.as_str())
        };
        match Kind::ALL.iter().copied().find(named) {
            Some(kind) if found.contains(&kind) => {
                problems.add(at, Reason::Repeated, "the type is listed twice; remove one");
            }
            Some(kind) => found.push(kind),
            None => {
                let fix = "is none of the known types; leave `types` empty for all";
                problems.add(at, Reason::UnknownValue, fix);
            }
        }
    }
    if types.is_empty() {
        return Kind::ALL.to_vec();
    }
    // What is named before what names it, whatever the caller's order.
    found.sort_unstable();
    found
}

fn follower_id(text: &str, problems: &mut Violations) -> Option<Uuid> {
    if text.is_empty() { None } else { problems.take("follower", Uuid::try_parse(text)) }
}

/// The registry's objects as events.
#[derive(Debug)]
pub(crate) struct Objects(Arc<Registry>);

impl Objects {
    fn event(
        &self,
        kind: Kind,
        happened: Happened,
        value: &bytes::Bytes,
        revision: Revision,
    ) -> Result<Event, Fault> {
        macro_rules! resource {
            ($($kind:ident: $spec:ty,)+) => {
                match kind { $(Kind::$kind => self.resource::<$spec>(value, revision),)+ }
            };
        }
        let resource = for_each_kind!(resource)?;
        let (change, cause) = happened.words();
        Ok(Event { r#type: change.into(), delete_cause: cause.into(), resource: Some(resource) })
    }

    fn resource<S: Wire>(
        &self,
        value: &bytes::Bytes,
        revision: Revision,
    ) -> Result<event::Resource, Fault> {
        let found = Rows::remembered::<S>(value.clone(), revision)?;
        Ok(S::event(S::message(&found, &self.0)))
    }
}

impl Events for Objects {
    type Event = Event;
    type Response = WatchResponse;

    async fn snapshot(&self, rows: Vec<Row>, _at: Revision) -> Result<Vec<Event>, Fault> {
        let objects = rows.iter().filter_map(|row| Some((kind_of(&row.key)?, row)));
        objects
            .map(|(kind, row)| self.event(kind, Happened::Added, &row.value, row.revision))
            .collect()
    }

    async fn changes(&self, changes: Vec<Change>, revision: Revision) -> Result<Vec<Event>, Fault> {
        let objects = changes.iter().filter_map(|change| {
            let (happened, value) = happened(change)?;
            Some((kind_of(&change.key)?, happened, value))
        });
        objects.map(|(kind, happened, value)| self.event(kind, happened, value, revision)).collect()
    }

    fn response(
        phase: WatchPhase,
        events: Vec<Event>,
        end_of_commit: bool,
        resume_token: String,
    ) -> WatchResponse {
        WatchResponse { phase: phase.into(), events, end_of_commit, resume_token }
    }
}
