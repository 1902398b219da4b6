//! What the responses of every Watch have in common.
//!
//! Always holds: the build script implements [`Watched`] for each message of the contract that has its four fields.

use crate::r#type::v1::WatchPhase;

/// A response of a Watch, of whichever service.
pub trait Watched {
    /// What it tells of.
    type Event;

    /// Takes it apart.
    fn into_parts(self) -> WatchParts<Self::Event>;
}

/// The fields of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchParts<E> {
    /// Where it stands in the stream.
    pub phase: WatchPhase,
    /// What happened.
    pub events: Vec<E>,
    /// Whether the commit it belongs to is complete with it.
    pub end_of_commit: bool,
    /// From where to go on after it.
    pub resume_token: String,
}
