//! What people look at: rows put together from the four services. It stores nothing.
//!
//! Owns: OverviewService, and in memory a copy of what registry and provisioning tell.
//! Always holds: a row names how fresh each of its sources is; a service that is down costs its columns, never the row.
//! Absent on purpose: a store, any write, and (for now) the web page.
//!
//! Read in this order: `domain` (the index and the conditions), `service` (how a row is made), `clients` (the four
//! siblings), `follow`, `grpc` (the edge), `app`, `config`.

pub mod app;
pub mod clients;
pub mod config;
pub mod domain;
mod follow;
pub mod grpc;
pub mod service;

pub use app::App;
pub use config::Config;
