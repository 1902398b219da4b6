//! What the administrator wrote: tenants, app connector groups, app connectors, server groups, application segments.
//!
//! Owns: these objects, their rules, and who may take which name.
//! Always holds:
//! - what is stored is valid; a wrong request is refused whole, with every violated field named;
//! - a live object's references point to live objects of its tenant, and a display name is unique among the live ones of a type;
//! - a connector exists exactly because an enrolment made it, once; its id and key pair are never used again;
//! - two enabled segments of a tenant never cover the same name, protocol and port;
//! - every change is one commit, and the Watch shows it whole.
//!
//! Absent on purpose: what the fleet reports (paths, updates), keys and certificates (provisioning), conditions that need both
//! (console), and CreateAppConnector.
//!
//! Read in this order: `domain` (the rules), `store` (what is kept), `service` (the use cases), `grpc` (the wire), `app` (how it is
//! put together).
//!
//! | question | file |
//! | --- | --- |
//! | Where is a group validated? | `domain/group.rs`, its place in `domain/place.rs` |
//! | Where does the time zone come from? | `domain/zone.rs` |
//! | What stops a delete? | `service/delete.rs` |
//! | How does a registration stay exact? | `service/registration.rs` |
//! | Which rows make up an object? | `store/keys.rs`, `store/changes.rs` |

mod app;
mod clients;
mod config;
pub mod domain;
mod error;
mod grpc;
mod metrics;
mod service;
mod store;
mod workers;

pub use app::App;
pub use config::Config;
