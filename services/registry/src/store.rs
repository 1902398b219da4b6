//! The registry's rows: objects and what keeps them consistent.
//!
//! Owns: keys, record versions, and the reading and writing of single objects in the words of the
//! domain. Always holds: a live object has a guard, a row for each of its claims and one for each of its references;
//! a soft-deleted one has none of them. All of it changes in one commit, with what history remembers of it (`changes`).
//! Absent on purpose: rules, and the order of check and write (`service/`).

mod changes;
#[cfg(test)]
mod fuzz;
mod keys;
mod records;
mod rows;

pub(crate) use changes::{Author, Changes, shelf};
pub(crate) use keys::{
    Place, guards, kind_of, live_of, objects, public_key, read_guard, read_object, read_sweep,
    registration, spent_connector_id, sweep, sweeps, targets_guard,
};
pub(crate) use records::{AsWritten, Cause, Kept, KeyOwner, Registration, reads};
pub(crate) use rows::{Found, Rows};
