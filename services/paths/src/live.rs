//! What changes from moment to moment: what connectors report, and what users ask for.
//!
//! Owns: everything that is shared and changed in place, in locks and atomics. In reading order: one connector
//! ([`connector`]), its way to one target ([`slot`]), and all connectors ([`fleet`]); what a tenant's users ask for
//! ([`tenant`]) and its segments remember ([`memory`]); the slots behind one host and port ([`board`], [`boards`]); and
//! all of it joined with a tenant's configuration, where questions are answered ([`view`]).
//! Always holds: it outlives snapshots of the configuration; a reader sees each number whole; what the numbers mean is
//! asked of [`domain`](crate::domain), as plain values.
//! Absent on purpose: anything on disk; the fleet reports anew within a heartbeat.

pub mod board;
pub mod boards;
pub mod connector;
pub mod fleet;
pub mod memory;
pub mod slot;
pub mod tenant;
#[cfg(test)]
pub(crate) mod testing;
pub mod view;
