//! The rules of path selection, from the outside: configuration and reports in, answers out.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and may print"
)]

mod evaluation;
mod herd;
mod hysteresis;
mod properties;
mod selection;
mod world;
