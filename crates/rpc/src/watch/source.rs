//! One Watch of one service, as batches of what its events mean to who follows.

use std::{future::Future, pin::Pin};

use futures::{Stream, StreamExt as _};
use proto::Watched;
use tonic::{Response, Status, Streaming};

use super::Batch;

/// A stream of responses.
pub type Batches<E> = Pin<Box<dyn Stream<Item = Result<Batch<E>, Status>> + Send>>;

/// A service's Watch.
pub trait Source: Send {
    /// What an event means to who follows.
    type Event: Send;

    /// Opens the Watch; an empty token asks for a snapshot.
    fn open(
        &mut self,
        resume_token: String,
    ) -> impl Future<Output = Result<Batches<Self::Event>, Status>> + Send;
}

/// The Watch that `open` calls with a resume token, with the events that `read` understands. `read` answers `None` for
/// what does not matter here: another kind of object, which a newer server may send, or a name that cannot be read.
pub fn source<R, E, O, F>(open: O, read: fn(R::Event) -> Option<E>) -> impl Source<Event = E>
where
    R: Watched + Send + 'static,
    E: Send + 'static,
    R::Event: 'static,
    O: FnMut(String) -> F + Send,
    F: Future<Output = Result<Response<Streaming<R>>, Status>> + Send,
{
    Opened { open, read }
}

struct Opened<O, R: Watched, E> {
    open: O,
    read: fn(R::Event) -> Option<E>,
}

impl<R, E, O, F> Source for Opened<O, R, E>
where
    R: Watched + Send + 'static,
    E: Send + 'static,
    R::Event: 'static,
    O: FnMut(String) -> F + Send,
    F: Future<Output = Result<Response<Streaming<R>>, Status>> + Send,
{
    type Event = E;

    async fn open(&mut self, resume_token: String) -> Result<Batches<E>, Status> {
        let stream = (self.open)(resume_token).await?.into_inner();
        let read = self.read;
        Ok(stream.map(move |response| response.map(|response| batch(response, read))).boxed())
    }
}

/// A response with the events that `read` understands.
pub fn batch<R: Watched, E>(response: R, read: fn(R::Event) -> Option<E>) -> Batch<E> {
    let Batch { phase, events, end_of_commit, resume_token } = response.into_parts();
    let events = events.into_iter().filter_map(read).collect();
    Batch { phase, events, end_of_commit, resume_token }
}
