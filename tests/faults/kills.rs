//! `kill -9` in the middle of a thousand writes, again and again.
//!
//! Owns: three suites (`registry`, `provisioning`, `updates`), each of which kills its process seven times and starts it again on
//! its store. Always holds, and is looked at from outside only: what was acknowledged is there; what was not is there whole
//! or not at all; watchers go on from their last token without a gap or a repeat; and the history of each
//! object has an order that explains every answer.
//! Absent on purpose: power cuts. The page cache outlives a killed process, so a sync that is left out is not seen here.
//!
//! Read in this order: `object` (what a call may be told), `linearizable` (the checker), `history`, `board` (versions and their
//! etags), `storm` (callers and kills), `watching`, then the suites.

mod board;
mod history;
mod linearizable;
mod object;
mod provisioning;
mod registry;
mod storm;
mod updates;
mod watching;

/// Kills of each suite; 21 in all.
const ROUNDS: usize = 7;
