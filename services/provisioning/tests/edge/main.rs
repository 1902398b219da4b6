//! Provisioning from outside: real sockets, real TLS, a real store, and a registry that does as it is told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod counting;
mod ground;
mod history;
mod keys;
mod kill;
mod newcomer;
mod recovery;
mod refusals;
mod registry;
mod renewal;
mod watch;
