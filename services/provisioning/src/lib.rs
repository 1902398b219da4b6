//! Provisioning: keys, who joined with them, and the certificates of connectors.
//!
//! Owns: provisioning keys and their exact use counts, the ledger of enrolments, each tenant's certificate authority, and
//! the list of identities to refuse.
//! Always holds:
//! - a key's `use_count` never passes its `max_uses`: the use is counted in the commit that reserves the enrolment, and given
//!   back only in the commit that abandons it;
//! - one public key is one connector, for ever: a repeat finds it, another key or tenant cannot take it;
//! - every write of a key is remembered in its commit: who, when, and the key as it was, without its secret's hash;
//! - a secret is shown once, by the call that made it; what is kept is its SHA-256, and no log, metric or trace sees more.
//!
//! Absent on purpose: groups and connectors (registry's: they are asked for, and connectors are registered there), who is
//! connected (paths'), and TLS itself (runtime's).
//!
//! Read in this order: `domain` (the rules), `store` (what is kept and which commits are atomic), `service` (use cases; begin
//! with `service::enrol`), `clients` (registry), `grpc` (the wire), `workers` (what a crash left), `config`, `app`.
//!
//! ## Design notes
//! Enrolment spans two services without a transaction between them: reserve here, register there, activate here. The
//! reservation names the connector, so registering is idempotent, and every state in between can be finished by whoever
//! comes next: the connector's repeat, or the worker.
//! The tenants' signing keys lie unsealed in the store's 0700 directory; why is told in `store::authorities`.

mod app;
mod clients;
mod config;
mod domain;
mod error;
mod grpc;
mod metrics;
mod service;
mod store;
mod workers;

pub use app::App;
pub use config::Config;
