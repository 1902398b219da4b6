//! Keeps the connectors' software current: which version a group follows and when it is updated.
//!
//! Owns: version profiles, tenant update policies with freezes, the update schedule of every app connector group, and
//! who changed them.
//! Always holds: every live group has a schedule and, while that is enabled, a next window, exact in the group's IANA
//! zone; it is answered without registry, after a restart too.
//! Absent on purpose: groups themselves (registry owns them; a copy of their zones is kept here), and who is connected.
//!
//! Read in this order: `domain` (the rules), `store` (what is kept), `service` (the use cases), `grpc` (the edge),
//! `follow` and `clients` (registry), `workers`, `app` (all of it put together), `config`, `metrics`, `error`.

mod app;
mod clients;
mod config;
mod domain;
mod error;
mod follow;
mod grpc;
mod metrics;
mod service;
mod store;
mod workers;

pub use app::App;
pub use config::Config;
