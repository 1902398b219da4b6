//! The use cases, by noun: the only place that orders check, write and announce.
//!
//! Owns: who is asked for what, in which order.
//! Always holds: what names a tenant's object takes an `Authorised` name, which only the edge can make; the time is an argument.
//! Absent on purpose: the wire and the rules.
//!
//! Read in this order: `configuration` (how anything is read and written), then the nouns: `schedules`, `policies`, `profiles`;
//! `groups` and `tenants` are what registry owns.

pub(crate) mod configuration;
pub(crate) mod groups;
pub(crate) mod policies;
pub(crate) mod profiles;
pub(crate) mod schedules;
pub(crate) mod tenants;
