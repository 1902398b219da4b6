//! The edge of the console: parse, call, render.
//!
//! Owns: the handlers and every conversion between the wire and the domain.
//! Always holds: a request is refused with all its violations at once.
//! Absent on purpose: rules. A handler asks a use case.

mod accept_snapshot;
mod convert;
mod handlers;

pub use handlers::Api;
