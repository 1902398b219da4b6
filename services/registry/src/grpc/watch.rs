//! The Watch stream: a snapshot of one revision in pages, then every commit in order.
//!
//! Always holds: a commit's events are followed by nothing else before `end_of_commit`; a token is given only where
//! resuming misses and repeats nothing; a caller whose certificate or token stops counting loses the
//! stream at the next message, bookmarks included.
//! Absent on purpose: filters (refused), and queues: the store's stream is pulled, so a slow watcher only
//! holds its own place.

use names::Reason;
use std::{collections::VecDeque, pin::Pin, sync::Arc};

use futures::{Stream, StreamExt, stream};
use prost::Message;
use proto::{
    registry::v1::{ConfirmWatchRequest, Event, ResourceType, WatchRequest, WatchResponse},
    r#type::v1::{ChangeType, DeleteCause, WatchPhase},
};
use rpc::{
    Failure, Kind as Code,
    access::{Caller, Scope},
};
use store::{
    Change, Etag, Prefix, ReadError, Revision, WatchError, WatchFrom, WatchItem, WatchStream,
};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use super::{convert::Wire, request, standard::refuse};
use crate::{
    domain::{
        ConnectorSpec, GroupSpec, Kind, SegmentSpec, ServerGroupSpec, TenantSpec, Violations,
    },
    error::Error,
    service::{Following, Registry},
    store::{Found, RecordError, decode, kind_of, objects},
};

/// Most bytes of events in one response: well below the message limit, whatever the last event adds.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// What a watch answers.
pub(super) type Responses = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

/// Starts a watch.
pub(super) async fn open(
    registry: &Arc<Registry>,
    caller: Caller,
    message: WatchRequest,
    streams: CancellationToken,
) -> Result<Responses, Status> {
    let WatchRequest { parent, types, resume_token, filter, follower } = message;
    let scope = caller.authorise_scope(&parent)?;
    let mut problems = Violations::new();
    request::no_filter(&filter, &mut problems);
    let follower = follower_id(&follower, &mut problems);
    if follower.is_some() && !(matches!(*scope, Scope::All) && types.is_empty()) {
        let fix =
            "a follower watches `tenants/-` and every kind; leave `types` empty, or `follower`";
        problems.add("follower", Reason::NotAllowed, fix);
    }
    let kinds = kinds(&types, &mut problems);
    refuse(problems)?;
    let from = from(registry, &resume_token)?;
    let tenant = match &*scope {
        Scope::All => None,
        Scope::Tenant(tenant) => Some(tenant),
    };
    let prefixes: Vec<Prefix> = kinds.into_iter().map(|kind| objects(kind, tenant)).collect();
    let items = registry.rows().store().watch(prefixes, from).await;
    let items = items.map_err(|error| match error {
        ReadError::Compacted { oldest } => compacted(oldest),
        other => Error::from(other).into(),
    })?;
    let following = follower.map(|id| registry.followers().follow(id));
    let registry = Arc::clone(registry);
    let ready = VecDeque::new();
    let feed = Feed { registry, caller, streams, items, ready, _following: following };
    Ok(Box::pin(stream::unfold(Some(feed), |feed| async move {
        let mut feed = feed?;
        match feed.next().await {
            Ok(response) => Some((Ok(response), Some(feed))),
            Err(status) => Some((Err(status), None)),
        }
    })))
}

fn kinds(types: &[i32], problems: &mut Violations) -> Vec<Kind> {
    let mut found = Vec::new();
    for (index, &number) in types.iter().enumerate() {
        let at = format!("types[{index}]");
        let kind = match ResourceType::try_from(number) {
            Ok(ResourceType::Tenant) => Kind::Tenant,
            Ok(ResourceType::AppConnectorGroup) => Kind::Group,
            Ok(ResourceType::AppConnector) => Kind::Connector,
            Ok(ResourceType::ServerGroup) => Kind::ServerGroup,
            Ok(ResourceType::ApplicationSegment) => Kind::Segment,
            Ok(ResourceType::ClientNetwork) => {
                problems.add(
                    at,
                    Reason::Planned,
                    "client networks are not built yet; leave it out",
                );
                continue;
            }
            Ok(ResourceType::Unspecified) | Err(_) => {
                problems.add(
                    at,
                    Reason::Malformed,
                    "is none of the known types; leave `types` empty for all",
                );
                continue;
            }
        };
        if found.contains(&kind) {
            problems.add(at, Reason::Repeated, "the type is listed twice; remove one");
        } else {
            found.push(kind);
        }
    }
    if types.is_empty() {
        return Kind::ALL.to_vec();
    }
    // What is named before what names it, whatever the caller's order.
    found.sort_unstable();
    found
}

/// Notes how far a follower's answers have come.
pub(super) fn confirm(registry: &Registry, message: ConfirmWatchRequest) -> Result<(), Status> {
    let ConfirmWatchRequest { follower, resume_token } = message;
    let mut problems = Violations::new();
    let id = follower_id(&follower, &mut problems);
    if follower.is_empty() {
        problems.missing("follower", "send the `follower` of the watch");
    }
    if resume_token.is_empty() {
        problems.missing("resume_token", "send the resume_token of the last response applied");
    }
    refuse(problems)?;
    if let Some(id) = id {
        registry.followers().confirm(id, revision(registry, &resume_token)?);
    }
    Ok(())
}

fn follower_id(text: &str, problems: &mut Violations) -> Option<Uuid> {
    if text.is_empty() { None } else { problems.take("follower", Uuid::try_parse(text)) }
}

fn from(registry: &Registry, token: &str) -> Result<WatchFrom, Status> {
    if token.is_empty() {
        return Ok(WatchFrom::Snapshot);
    }
    Ok(WatchFrom::After(revision(registry, token)?))
}

/// A token is the etag of a commit: epoch and revision.
fn revision(registry: &Registry, token: &str) -> Result<Revision, Status> {
    let Ok(token) = Etag::parse(token) else {
        let fix = "send the resume_token of a response, or none to begin with a snapshot";
        return Err(Error::field("resume_token", Reason::Malformed, fix).into());
    };
    if token.epoch() != registry.rows().store().epoch() {
        let failure = Failure::new(
            Code::OutOfRange,
            Reason::EpochChanged,
            "resume_token is from before the store was restored or made anew; watch again without it",
        );
        return Err(failure.into());
    }
    Ok(token.revision())
}

fn compacted(oldest: Revision) -> Status {
    Failure::new(
        Code::OutOfRange,
        Reason::RevisionCompacted,
        "the history after resume_token is no longer kept; watch again without it",
    )
    .metadata("oldest_revision", oldest)
    .into()
}

struct Feed {
    registry: Arc<Registry>,
    caller: Caller,
    streams: CancellationToken,
    items: WatchStream,
    /// The rest of a page or commit that did not fit one response.
    ready: VecDeque<WatchResponse>,
    /// While it lives, withdrawals wait for this watcher.
    _following: Option<Following>,
}

impl Feed {
    async fn next(&mut self) -> Result<WatchResponse, Status> {
        loop {
            if let Some(response) = self.ready.pop_front() {
                self.caller.still_valid()?;
                return Ok(response);
            }
            let streams = self.streams.clone();
            let item = tokio::select! {
                biased;
                () = streams.cancelled() => return Err(stopping()),
                item = self.items.next() => item,
            };
            let responses = match item {
                Some(Ok(item)) => self.render(item)?,
                Some(Err(WatchError::Compacted { oldest })) => return Err(compacted(oldest)),
                Some(Err(WatchError::Read(error))) => return Err(Error::from(error).into()),
                Some(Err(WatchError::Closed)) | None => return Err(stopping()),
            };
            self.ready.extend(responses);
        }
    }

    fn render(&self, item: WatchItem) -> Result<Vec<WatchResponse>, Error> {
        Ok(match item {
            WatchItem::SnapshotRows(rows) => {
                let added = ChangeType::Added;
                let events: Result<Vec<_>, Error> = rows
                    .iter()
                    .filter_map(|row| Some((kind_of(&row.key)?, row)))
                    .map(|(kind, row)| Ok(self.event(kind, added, &row.value, row.revision)?))
                    .collect();
                pages(events?)
                    .map(|events| response(WatchPhase::Snapshot, events, false, String::new()))
                    .collect()
            }
            WatchItem::SnapshotEnd(revision) => {
                vec![self.mark(WatchPhase::SnapshotEnd, revision)]
            }
            WatchItem::Bookmark(revision) => vec![self.mark(WatchPhase::Bookmark, revision)],
            WatchItem::Commit { revision, changes } => self.commit(revision, &changes)?,
        })
    }

    fn commit(&self, revision: Revision, changes: &[Change]) -> Result<Vec<WatchResponse>, Error> {
        let mut events = Vec::with_capacity(changes.len());
        for Change { key, before, after } in changes {
            let Some(kind) = kind_of(key) else { continue };
            let (change, value) = match (before, after) {
                (None, Some(after)) => (ChangeType::Added, after),
                (Some(_), Some(after)) => (ChangeType::Modified, after),
                (Some(before), None) => (ChangeType::Deleted, before),
                (None, None) => continue,
            };
            events.push(self.event(kind, change, value, revision)?);
        }
        let mut responses: Vec<_> = pages(events)
            .map(|events| response(WatchPhase::Changes, events, false, String::new()))
            .collect();
        if let Some(last) = responses.last_mut() {
            last.end_of_commit = true;
            last.resume_token = self.token(revision);
        }
        Ok(responses)
    }

    fn mark(&self, phase: WatchPhase, revision: Revision) -> WatchResponse {
        response(phase, Vec::new(), false, self.token(revision))
    }

    fn token(&self, revision: Revision) -> String {
        Etag::new(self.registry.rows().store().epoch(), revision).to_string()
    }

    fn event(
        &self,
        kind: Kind,
        change: ChangeType,
        value: &[u8],
        revision: Revision,
    ) -> Result<Event, RecordError> {
        let resource = match kind {
            Kind::Tenant => self.resource::<TenantSpec>(value, revision),
            Kind::Group => self.resource::<GroupSpec>(value, revision),
            Kind::Connector => self.resource::<ConnectorSpec>(value, revision),
            Kind::ServerGroup => self.resource::<ServerGroupSpec>(value, revision),
            Kind::Segment => self.resource::<SegmentSpec>(value, revision),
        }?;
        let cause = match change {
            ChangeType::Deleted => DeleteCause::Purged,
            _ => DeleteCause::Unspecified,
        };
        Ok(Event { r#type: change.into(), delete_cause: cause.into(), resource: Some(resource) })
    }

    fn resource<S: Wire>(
        &self,
        value: &[u8],
        revision: Revision,
    ) -> Result<proto::registry::v1::event::Resource, RecordError> {
        let found: Found<S> = Found { resource: decode(value)?, revision };
        Ok(S::event(S::message(&found, &self.registry)))
    }
}

/// Events in pages of at most [`MAX_EVENT_BYTES`], or of one event that is larger.
fn pages(events: Vec<Event>) -> impl Iterator<Item = Vec<Event>> {
    let mut pages: Vec<Vec<Event>> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let size = event.encoded_len();
        match pages.last_mut() {
            Some(page) if bytes + size <= MAX_EVENT_BYTES => {
                bytes += size;
                page.push(event);
            }
            _ => {
                bytes = size;
                pages.push(vec![event]);
            }
        }
    }
    pages.into_iter()
}

fn response(
    phase: WatchPhase,
    events: Vec<Event>,
    end_of_commit: bool,
    resume_token: String,
) -> WatchResponse {
    WatchResponse { phase: phase.into(), events, end_of_commit, resume_token }
}

fn stopping() -> Status {
    Failure::new(
        Code::Unavailable,
        Reason::ShuttingDown,
        "the server stops; watch again with the last resume_token",
    )
    .into()
}
