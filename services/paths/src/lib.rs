//! Which app connector should carry the traffic.
//!
//! Owns: the live status of the fleet, and the choice of connectors for a user and an application.
//! Always holds: every question is answered from memory, with what the answer rests on; an answer never names a
//! connector that is disabled, disconnected, known not to reach the application, or of another tenant; with every
//! sibling down, and after a restart too, answers go on from the own copy and say how old it is.
//! Absent on purpose: carrying traffic; who may reach what (the caller decides that before); configuration (registry
//! owns it, a copy is kept here); live status on disk (the fleet reports anew within a heartbeat).
//!
//! Read in this order: `domain` (the rules), `live` (what connectors report), `service` (the use cases), `grpc` (the edge), `workers` and `clients`
//! (following the siblings), `store` (the copy), `app` (all of it put together), `config`, `metrics`, `error`.

mod app;
mod clients;
mod config;
pub mod domain;
mod error;
mod grpc;
pub mod live;
mod metrics;
mod service;
mod store;
mod workers;

pub use app::App;
pub use config::Config;
