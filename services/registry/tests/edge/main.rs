//! The registry from outside: its real process parts, a real socket, a real store, real certificates.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod client_networks;
mod connectors;
mod deletes;
mod followers;
mod ground;
mod history;
mod lists;
mod places;
mod references;
mod returns;
mod segments;
mod tenants;
mod watches;
mod writes;
