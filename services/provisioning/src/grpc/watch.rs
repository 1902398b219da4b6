//! Watch: a snapshot, then changes, grouped by commit.
//!
//! Always holds: a response carries at most [`MAX_EVENTS`] events; a caller that is no longer let in loses its stream at
//! the next message, which comes at least with every bookmark; the process's end is told, not just a broken
//! connection.

use std::pin::Pin;

use ::store::{Epoch, Etag, Revision, WatchError, WatchFrom};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use names::{Reason, TenantName};
use proto::{provisioning::v1 as pb, r#type::v1::WatchPhase};
use rpc::{
    Failure, Kind as FailureKind, Refuse as _, Violations,
    access::{Authorised, Caller, Scope},
};
use runtime::Clock;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::convert::View;
use crate::{
    error::Error,
    service::keys::tenant_of,
    store::{Kind, Records, Steps, WatchEnd, WatchStep},
};

/// Most events of one response: about 256 KiB.
const MAX_EVENTS: usize = 256;

/// A watch on the wire.
pub(crate) type WatchStream = Pin<Box<dyn Stream<Item = Result<pb::WatchResponse, Status>> + Send>>;

/// Opens watches.
#[derive(Clone)]
pub(crate) struct Watches {
    pub(crate) records: Records,
    pub(crate) view: View,
    pub(crate) clock: Clock,
    /// Cancelled when streams must end.
    pub(crate) end: CancellationToken,
}

impl Watches {
    pub(crate) async fn open(
        &self,
        caller: Caller,
        scope: &Authorised<Scope>,
        request: &pb::WatchRequest,
    ) -> Result<WatchStream, Status> {
        let (kinds, from) = parse(request, self.view.epoch)?;
        let tenant: Option<&TenantName> = tenant_of(scope);
        let steps = self.records.watch(tenant, &kinds, from).await.map_err(Error::from)?;
        let (view, clock) = (self.view.clone(), self.clock.clone());
        let responses = ended(steps, self.end.clone()).flat_map(move |step| {
            let responses = match step {
                Ok(step) => match caller.still_valid() {
                    Ok(()) => responses(&view, step, clock.now()),
                    Err(gone) => vec![Err(gone.into())],
                },
                Err(status) => vec![Err(status)],
            };
            futures::stream::iter(responses)
        });
        // Nothing follows an error.
        let whole = responses.scan(false, |over, response| {
            let before = std::mem::replace(over, response.is_err());
            futures::future::ready((!before).then_some(response))
        });
        Ok(Box::pin(whole))
    }
}

/// The steps, until the process ends.
fn ended(
    steps: Steps,
    end: CancellationToken,
) -> impl Stream<Item = Result<WatchStep, Status>> + Send {
    futures::stream::unfold(Some((steps, end)), |state| async {
        let (mut steps, end) = state?;
        tokio::select! {
            step = steps.next() => match step? {
                Ok(step) => Some((Ok(step), Some((steps, end)))),
                Err(why) => Some((Err(watch_failure(why).into()), None)),
            },
            () = end.cancelled() => Some((Err(going_away().into()), None)),
        }
    })
}

fn going_away() -> Failure {
    const SOON: std::time::Duration = std::time::Duration::from_secs(1);
    Failure::new(
        FailureKind::Unavailable,
        Reason::ShuttingDown,
        "the server is ending; watch again with the last resume_token",
    )
    .retry_after(SOON)
}

fn watch_failure(end: WatchEnd) -> Failure {
    match end {
        WatchEnd::Watch(WatchError::Compacted { oldest }) => compacted(oldest),
        WatchEnd::Watch(WatchError::Closed) => going_away(),
        WatchEnd::Watch(WatchError::Read(error)) => Error::Store(error.into()).into(),
        WatchEnd::Store(error) => Error::Store(error).into(),
    }
}

fn compacted(oldest: Revision) -> Failure {
    Failure::new(
        FailureKind::OutOfRange,
        Reason::RevisionCompacted,
        "what happened since resume_token is no longer kept; watch again without it",
    )
    .metadata("oldest_revision", oldest)
}

fn parse(request: &pb::WatchRequest, epoch: Epoch) -> Result<(Vec<Kind>, WatchFrom), Failure> {
    let pb::WatchRequest { parent: _, types, resume_token, filter } = request;
    let mut v = Violations::new();
    if !filter.is_empty() {
        v.add("filter", Reason::Planned, "filters are not built; leave it empty");
    }
    let mut kinds = Vec::new();
    for (at, number) in types.iter().enumerate() {
        match kind(*number) {
            Some(kind) => kinds.push(kind),
            None => {
                let field = format!("types[{at}]");
                v.add(&field, Reason::UnknownValue, "name a kind that this service watches");
            }
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    if types.is_empty() {
        kinds = vec![Kind::Key, Kind::Enrolment, Kind::Authority, Kind::Revocation];
    }
    if resume_token.is_empty() {
        v.finish()?;
        return Ok((kinds, WatchFrom::Snapshot));
    }
    let token = v.take("resume_token", Etag::parse(resume_token));
    let token = v.finish_with(|| token)?;
    if token.epoch() != epoch {
        return Err(Failure::new(
            FailureKind::OutOfRange,
            Reason::EpochChanged,
            "resume_token is from before the store was restored or made anew; watch again without it",
        ));
    }
    Ok((kinds, WatchFrom::After(token.revision())))
}

fn kind(number: i32) -> Option<Kind> {
    match pb::ResourceType::try_from(number).ok()? {
        pb::ResourceType::Unspecified => None,
        pb::ResourceType::ProvisioningKey => Some(Kind::Key),
        pb::ResourceType::Enrolment => Some(Kind::Enrolment),
        pb::ResourceType::CertificateAuthority => Some(Kind::Authority),
        pb::ResourceType::Revocation => Some(Kind::Revocation),
    }
}

/// One step as responses, each of at most [`MAX_EVENTS`] events.
fn responses(
    view: &View,
    step: WatchStep,
    now: Timestamp,
) -> Vec<Result<pb::WatchResponse, Status>> {
    let token = |revision| Etag::new(view.epoch, revision).to_string();
    let bare = |phase: WatchPhase, resume_token| pb::WatchResponse {
        phase: phase.into(),
        events: Vec::new(),
        end_of_commit: false,
        resume_token,
    };
    match step {
        WatchStep::Snapshot(found) => {
            let events = found.into_iter().map(|watched| view.added(watched, now)).collect();
            in_parts(events, &bare(WatchPhase::Snapshot, String::new()), None)
        }
        WatchStep::SnapshotEnd(revision) => {
            vec![Ok(bare(WatchPhase::SnapshotEnd, token(revision)))]
        }
        WatchStep::Bookmark(revision) => vec![Ok(bare(WatchPhase::Bookmark, token(revision)))],
        WatchStep::Commit { revision, seen } => {
            let events = seen.into_iter().map(|seen| view.seen(seen, now)).collect();
            in_parts(events, &bare(WatchPhase::Changes, String::new()), Some(token(revision)))
        }
    }
}

/// Events in parts; `end` is the token of the last part, which then ends a commit.
fn in_parts(
    events: Vec<pb::Event>,
    bare: &pb::WatchResponse,
    end: Option<String>,
) -> Vec<Result<pb::WatchResponse, Status>> {
    let mut parts = Vec::new();
    let mut events = events.into_iter().peekable();
    while events.peek().is_some() {
        let part = events.by_ref().take(MAX_EVENTS).collect();
        parts.push(pb::WatchResponse { events: part, ..bare.clone() });
    }
    if let (Some(token), Some(last)) = (end, parts.last_mut()) {
        last.end_of_commit = true;
        last.resume_token = token;
    }
    parts.into_iter().map(Ok).collect()
}
