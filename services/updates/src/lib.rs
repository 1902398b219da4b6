//! Keeps the connectors' software current: which version a group follows and when it is updated.
//!
//! Owns: version profiles, tenant update policies with freezes, and the update schedule of every app connector group.
//! Always holds: every live group has a schedule and, while that is enabled, a next window, exact in the group's IANA
//! zone; it is answered without registry, after a restart too.
//! Absent on purpose: groups themselves (registry owns them; a copy of their zones is kept here), and who is connected.
//!
//! Read in this order: `domain` (the rules).

pub mod domain;
pub mod store;
