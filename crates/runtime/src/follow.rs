//! Following a sibling's Watch into a copy of one's own: one policy for every follower.
//!
//! Owns: [`Sink`], what a service does with what a sibling tells; [`Sibling::follow`], the loop around it with health,
//! metrics, logs, jitter, stop and the release of the first hold; and the guard against snapshots that may not be taken
//! blindly, with the acceptance that overrules it.
//! Always holds: a token is passed only when everything before it is applied; what cannot be applied is tried again a few
//! times and then read again from a snapshot, never passed over; a snapshot of another life of the source, or one that lacks
//! much of what is held, changes nothing until it is accepted or explained.
//! Absent on purpose: what is kept, and where. A sink is idempotent: whatever it applied may come again.
//!
//! Read in this order: `sink` (what a service brings), `sibling` (whom it follows), `guard` (what is refused), `gate` and `accept`
//! (how it is accepted), `shell` (the loop), `metrics`.
//!
//! ## Design notes
//! It stands here and not beside `rpc::watch`, because `rpc` may name neither health nor clock nor the registry of metrics,
//! and closures for the three at each call would be longer than the loop.
//!
//! While a snapshot is refused the follower reads on, but applies nothing: the copy stays as it was at one moment, and says
//! how old it is. Changes laid over a copy that the source no longer stands for would be neither state. The refused
//! snapshot is kept in memory, so that what was looked at is what is taken, and its commits are asked for again from its
//! token.

mod accept;
mod gate;
mod guard;
mod metrics;
mod shell;
mod sibling;
mod sink;
#[cfg(test)]
mod tests;

pub use accept::Siblings;
pub use gate::Refused;
pub use guard::{Shortfall, Tally};
pub use metrics::FollowMetrics;
pub use sibling::{Followers, Sibling};
pub use sink::{Position, Sink, Start};
