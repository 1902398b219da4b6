//! The edge of paths: parse, call, render.
//!
//! Owns: the methods and every conversion between the wire and the domain; what siblings send is read in
//! `clients`.
//! Always holds: a request is refused with all its violations at once.
//! Absent on purpose: rules. A handler asks a use case.

mod api;
mod convert;
mod report;
mod selection;
mod status;

pub(crate) use api::{Api, Parts};
