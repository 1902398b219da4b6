//! The use cases, by noun: the only place that orders check, write and announce.
//!
//! Owns: who is asked for what, in which order.
//! Always holds: what names a tenant's object takes an `Authorised` tenant, which only the edge can make.
//! Absent on purpose: the wire and the rules.

pub mod groups;
pub mod policies;
pub mod schedules;
