//! The registry's rows: objects and what keeps them consistent.
//!
//! Owns: keys, record versions, and the reading and writing of single objects in the words of the
//! domain. Always holds: a live object has a guard, its display name's claim and a row for each of its references;
//! a soft-deleted one has none of them. All of it changes in one commit (`changes`).
//! Absent on purpose: rules, and the order of check and write (`service/`).

mod changes;
#[cfg(test)]
mod fuzz;
mod keys;
mod records;
mod rows;

pub(crate) use changes::{Changes, Linked};
pub(crate) use keys::{
    Place, kind_of, live_below, objects, public_key, read_live_kind, read_sweep, registration,
    spent_connector_id, sweep, sweeps, targets_guard,
};
pub(crate) use records::RecordError;
pub(crate) use records::{KeyOwner, Registration, decode, decode_small, encode, encode_small};
pub(crate) use rows::RowError;
pub(crate) use rows::{Found, Rows};
