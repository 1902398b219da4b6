//! The edge of the console: parse, call, render.
//!
//! Owns: the methods and every conversion between the wire and the domain.
//! Always holds: a request is refused with all its violations at once.
//! Absent on purpose: rules. A handler asks a use case.

mod api;
mod convert;

pub use api::Api;
