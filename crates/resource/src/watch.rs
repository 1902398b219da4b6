//! The Watch of a service: a snapshot of one revision in pages, then every commit in order.
//!
//! Owns: the stream, its tokens, its pages and its end. A service gives [`Events`]: which rows are objects, and the event of one.
//! Always holds: a commit's events are followed by nothing else before `end_of_commit`; a token is given only where
//! resuming misses and repeats nothing; a caller whose certificate or token stops counting loses the stream at the next message,
//! bookmarks included; the process's end is told, not just a broken connection.
//! Absent on purpose: queues. The store's stream is pulled, so a slow watcher only holds its own place.

use std::{collections::VecDeque, pin::Pin};

use futures::{Stream, StreamExt as _, stream};
use names::{Reason, Violations};
use prost::Message;
use proto::r#type::v1::{ChangeType, DeleteCause, WatchPhase};
use rpc::{Failure, Kind, access::Caller};
use store::{
    Change, Etag, Prefix, Revision, Row, Store, WatchError, WatchFrom, WatchItem, WatchStream,
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{Fault, fault::compacted};

/// Most bytes of events in one response: well below the message limit, whatever the last event adds.
const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// How long a watcher should wait before it comes back to a process that ends.
const RETURN_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It is there, or came to be.
    Added,
    /// It changed, soft delete and undelete included.
    Modified,
    /// It is gone for good.
    Purged,
}

impl Happened {
    /// The words of the contract.
    #[must_use]
    pub fn words(self) -> (ChangeType, DeleteCause) {
        match self {
            Self::Added => (ChangeType::Added, DeleteCause::Unspecified),
            Self::Modified => (ChangeType::Modified, DeleteCause::Unspecified),
            Self::Purged => (ChangeType::Deleted, DeleteCause::Purged),
        }
    }
}

/// What a service's Watch shows.
pub trait Events: Send + Sync + 'static {
    /// An event on the wire.
    type Event: Message + Send;
    /// A response on the wire.
    type Response: Send + 'static;

    /// The events of a page of the snapshot, all read at `revision`.
    fn snapshot(
        &self,
        rows: Vec<Row>,
        revision: Revision,
    ) -> impl Future<Output = Result<Vec<Self::Event>, Fault>> + Send;

    /// The events of a commit's changes, in their order.
    fn changes(
        &self,
        changes: Vec<Change>,
        revision: Revision,
    ) -> impl Future<Output = Result<Vec<Self::Event>, Fault>> + Send;

    /// A response of these parts.
    fn response(
        phase: WatchPhase,
        events: Vec<Self::Event>,
        end_of_commit: bool,
        resume_token: String,
    ) -> Self::Response;
}

/// What a change did to the object at its key, and the value that says what it is: the last one if it is gone.
#[must_use]
pub fn happened(change: &Change) -> Option<(Happened, &bytes::Bytes)> {
    match (&change.before, &change.after) {
        (None, Some(after)) => Some((Happened::Added, after)),
        (Some(_), Some(after)) => Some((Happened::Modified, after)),
        (Some(before), None) => Some((Happened::Purged, before)),
        (None, None) => None,
    }
}

/// A watch on the wire.
pub type Responses<E> = Pin<Box<dyn Stream<Item = Result<<E as Events>::Response, Status>> + Send>>;

/// Who watches, and until when.
#[derive(Debug)]
pub struct Watching {
    /// Who watches.
    pub caller: Caller,
    /// Cancelled when streams must end.
    pub streams: CancellationToken,
}

/// Reads a resume token, which is the etag of a commit: epoch and revision. Empty: a snapshot.
///
/// # Errors
/// INVALID_ARGUMENT for what is no token; OUT_OF_RANGE EPOCH_CHANGED for one from before a restore.
pub fn from(store: &Store, token: &str) -> Result<WatchFrom, Failure> {
    match token {
        "" => Ok(WatchFrom::Snapshot),
        token => Ok(WatchFrom::After(revision(store, token)?)),
    }
}

/// The revision that a resume token names.
///
/// # Errors
/// As [`from`].
pub fn revision(store: &Store, token: &str) -> Result<Revision, Failure> {
    let Ok(token) = Etag::parse(token) else {
        let fix = "send the resume_token of a response, or none to begin with a snapshot";
        let mut problems = Violations::new();
        problems.add("resume_token", Reason::Malformed, fix);
        return Err(problems.into());
    };
    if token.epoch() != store.epoch() {
        return Err(Failure::new(
            Kind::OutOfRange,
            Reason::EpochChanged,
            "resume_token is from before the store was restored or made anew; watch again without it",
        ));
    }
    Ok(token.revision())
}

/// Opens a watch of the rows below the prefixes. `held` lives as long as the stream.
///
/// # Errors
/// The revision to go on from is compacted.
pub async fn open<E: Events>(
    store: &Store,
    prefixes: Vec<Prefix>,
    from: WatchFrom,
    events: E,
    watching: Watching,
    held: impl Send + 'static,
) -> Result<Responses<E>, Failure> {
    let items = store.watch(prefixes, from).await.map_err(Fault::from)?;
    let at = items.starts_at();
    let feed =
        Feed { store: store.clone(), events, watching, items, at, ready: VecDeque::new(), held };
    Ok(Box::pin(stream::unfold(Some(feed), |feed| async move {
        let mut feed = feed?;
        match feed.next().await {
            Ok(response) => Some((Ok(response), Some(feed))),
            Err(failure) => Some((Err(failure.into()), None)),
        }
    })))
}

struct Feed<E: Events, H> {
    store: Store,
    events: E,
    watching: Watching,
    items: WatchStream,
    /// The snapshot's revision, for what is joined to its rows.
    at: Revision,
    /// The rest of a page or commit that did not fit one response.
    ready: VecDeque<E::Response>,
    #[expect(dead_code, reason = "what lives as long as the stream is only dropped")]
    held: H,
}

impl<E: Events, H> Feed<E, H> {
    async fn next(&mut self) -> Result<E::Response, Failure> {
        loop {
            if let Some(response) = self.ready.pop_front() {
                self.watching.caller.still_valid()?;
                return Ok(response);
            }
            let item = tokio::select! {
                biased;
                () = self.watching.streams.cancelled() => return Err(ending()),
                item = self.items.next() => item,
            };
            match item {
                Some(Ok(item)) => self.render(item).await?,
                Some(Err(WatchError::Compacted { oldest })) => return Err(compacted(oldest)),
                Some(Err(WatchError::Read(error))) => return Err(Fault::from(error).into()),
                Some(Err(WatchError::Closed)) | None => return Err(ending()),
            }
        }
    }

    async fn render(&mut self, item: WatchItem) -> Result<(), Fault> {
        match item {
            WatchItem::SnapshotRows(rows) => {
                let events = self.events.snapshot(rows, self.at).await?;
                for page in pages(events) {
                    self.push(WatchPhase::Snapshot, page, None);
                }
            }
            WatchItem::SnapshotEnd(revision) => self.mark(WatchPhase::SnapshotEnd, revision),
            WatchItem::Bookmark(revision) => self.mark(WatchPhase::Bookmark, revision),
            WatchItem::Commit { revision, changes } => {
                let mut pages = pages(self.events.changes(changes, revision).await?).peekable();
                while let Some(page) = pages.next() {
                    let end = pages.peek().is_none().then_some(revision);
                    self.push(WatchPhase::Changes, page, end);
                }
            }
        }
        Ok(())
    }

    /// Events of one response; with the revision that a commit ends at, if they are its last.
    fn push(&mut self, phase: WatchPhase, events: Vec<E::Event>, end: Option<Revision>) {
        let token = end.map_or_else(String::new, |revision| self.token(revision));
        self.ready.push_back(E::response(phase, events, end.is_some(), token));
    }

    fn mark(&mut self, phase: WatchPhase, revision: Revision) {
        let token = self.token(revision);
        self.ready.push_back(E::response(phase, Vec::new(), false, token));
    }

    fn token(&self, revision: Revision) -> String {
        Etag::new(self.store.epoch(), revision).to_string()
    }
}

/// Events in pages of at most [`MAX_EVENT_BYTES`], or of one event that is larger.
fn pages<E: Message>(events: Vec<E>) -> impl Iterator<Item = Vec<E>> {
    let mut pages: Vec<Vec<E>> = Vec::new();
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

fn ending() -> Failure {
    let message = "the server is ending; watch again with the last resume_token";
    Failure::new(Kind::Unavailable, Reason::ShuttingDown, message).retry_after(RETURN_PAUSE)
}
