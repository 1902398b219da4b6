//! The rules of path selection, from the outside: configuration and reports in, answers out.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and may print"
)]

mod effects;
mod evaluation;
mod herd;
mod hysteresis;
mod probing;
mod properties;
mod selection;
mod world;
