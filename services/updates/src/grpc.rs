//! The edge of updates: parse, call, render.
//!
//! Owns: the handlers and every conversion between the wire and the domain.
//! Always holds: generated types stop here; a request is refused with all its violations at once.
//! Absent on purpose: rules. A handler asks a use case. Read in this order: `api` (the methods), `schedule`, `policy`, `profile`,
//! `audit` (what each does), `convert`.

mod api;
mod audit;
mod convert;
mod policy;
mod profile;
mod schedule;

pub(crate) use api::Api;
