//! Paths from outside: real sockets, real certificates, a real store, beside siblings that send what the test publishes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod blackout;
mod callers;
mod connector;
mod fleet;
mod ground;
mod paths;
mod siblings;
