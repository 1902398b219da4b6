//! The client side of a Watch: its stream as snapshots and whole commits, going on after any break.
//!
//! Owns: [`Source`], one Watch of one service; [`Follower`], which turns streams that may end at any time into an endless
//! sequence of [`Update`]s; and what may be read from a resume token.
//! Always holds: between two resets every commit arrives whole and in order; a token is given back to the server only
//! after the caller has said that it applied everything before it.
//! Absent on purpose: where the copy is kept, and what happens when it cannot be (`runtime::follow`).

mod follower;
mod source;
mod token;

pub use follower::{Follower, Update};
pub use proto::WatchParts as Batch;
pub use source::{Batches, Source, batch, source};
pub use token::epoch;
