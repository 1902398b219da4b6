//! Keeps the connectors' software current: which version a group follows and when it is updated.
//!
//! Owns: version profiles, tenant update policies with freezes, and the update schedule of every app connector group.
//! Always holds: every live group has a schedule and, while that is enabled, a next window, exact in the group's IANA
//! zone; it is answered without registry, after a restart too.
//! Absent on purpose: groups themselves (registry owns them; a copy of their zones is kept here), and who is connected.
//!
//! Read in this order: `domain` (the rules), `store` (what is kept), `service` (the use cases), `grpc` (the edge),
//! `follow` and `clients` (registry), `app` (all of it put together), `config`, `error`.

pub mod app;
pub mod clients;
pub mod config;
pub mod domain;
pub mod error;
pub mod follow;
pub mod grpc;
pub mod service;
pub mod store;

pub use app::App;
pub use config::Config;
pub use error::Error;
