//! The rules of updates: types that cannot be invalid and pure functions of (inputs, now).
//!
//! Owns: what a window is and when it opens, what a freeze cuts out of it, which version profile counts
//! for a group, and what a schedule may say.
//! Always holds: nothing here reads a clock, a disk or a socket; nothing here panics on any input.
//! Absent on purpose: rollouts and releases, which are not built yet.
//!
//! Read in this order: `window` (one recurring window), `zone` (wall clock to instant), `occurrence` (windows
//! on the time line), `freeze`, `profile`, `pace`, `schedule` (all of it together), `change`.

pub(crate) mod change;
pub(crate) mod freeze;
#[cfg(test)]
mod fuzz;
pub(crate) mod group;
pub(crate) mod occurrence;
pub(crate) mod pace;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod schedule;
pub(crate) mod tenant;
pub(crate) mod window;
pub(crate) mod zone;
