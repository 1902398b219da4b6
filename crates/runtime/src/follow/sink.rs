//! What a service does with what a sibling tells.
//!
//! Always holds: a sink is idempotent; whatever it applied may come again.

use std::{fmt::Display, future::Future};

use jiff::Timestamp;

use super::guard::Tally;

/// What a service does with what a sibling tells.
pub trait Sink: Send {
    /// What an event means here.
    type Event: Send + Sync;
    /// Why something could not be applied; it is logged and tried again.
    type Error: Display + Send;

    /// From where to go on, with what was kept in an earlier life of this process.
    fn start(&self) -> Start {
        Start::default()
    }

    /// The name of the object that an event is about, unique among all that the source tells.
    fn name(event: &Self::Event) -> String;

    /// Names every live object that is held of the source's, so that a snapshot can be compared with it. Soft-deleted
    /// ones are not live.
    ///
    /// # Errors
    /// What is held cannot be read.
    fn held(&mut self, tally: &mut Tally) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Takes over everything there is; each object comes once.
    ///
    /// # Errors
    /// It was not taken over, or not whole; it comes again.
    fn reset(
        &mut self,
        all: &[Self::Event],
        at: &Position<'_>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Takes over the changes of one commit.
    ///
    /// # Errors
    /// They were not taken over, or not all; they come again.
    fn apply(
        &mut self,
        commit: &[Self::Event],
        at: &Position<'_>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Nothing changed; the copy is current.
    fn alive(&mut self, _at: &Position<'_>) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// The copy ages from now on, and why.
    fn lost(&mut self, _why: &str) {}
}

/// Where an update stands, and when it came.
#[derive(Clone, Copy, Debug)]
pub struct Position<'a> {
    /// From where to go on once it is applied.
    pub token: &'a str,
    /// When it came.
    pub now: Timestamp,
}

/// What an earlier life of this process kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// From where to go on; empty: from a snapshot.
    pub resume_token: String,
    /// Any token of the life of the source that the copy is of; empty when that is not known. It tells a source that was
    /// restored since.
    pub copy_of: String,
}
