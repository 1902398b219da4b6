//! What changes from moment to moment: what connectors report, and what users ask for.
//!
//! Owns: everything that is shared and changed in place. In reading order: one connector ([`connector`]), its way to
//! one target ([`slot`]), all connectors ([`fleet`]), the slots behind one host and port ([`board`]), and what is in
//! use ([`demand`]).
//! Always holds: it outlives snapshots of the configuration, and a reader sees each number whole.
//! Absent on purpose: anything on disk; the fleet reports anew within a heartbeat.

pub mod board;
pub mod connector;
pub mod demand;
pub mod fleet;
pub mod slot;
