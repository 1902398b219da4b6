//! Updates from outside: its own process, real TLS, a real store, and a registry that tells what the test says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod ground;
mod groups;
mod history;
mod policies;
mod registry;
mod schedules;
mod snapshots;
