//! The edge of updates: parse, call, render.
//!
//! Owns: the handlers and every conversion between the wire and the domain.
//! Always holds: generated types do not leave this room; a request is refused with all its violations at once.
//! Absent on purpose: rules. A handler asks a use case.

mod accept_snapshot;
mod backup;
mod convert;
mod handlers;
mod request_id;

pub use handlers::Api;
