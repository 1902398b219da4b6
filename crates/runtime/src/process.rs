//! The life of a process: build, bind, run, drain, end.
//!
//! Owns: the contract of a service towards its process, and the order in which things start and stop.
//! Always holds: one process hosts one service or several alike; nothing serves before everything is built and
//! bound; what stops, stops in the order of [`Running::stop`], each step within a deadline.
//! Absent on purpose: knowledge of any particular service.
//!
//! Read in this order: `service` (what a service is), `settings`, `plan` (start), `base`, `bound`, `edge` (listeners
//! and layers), `running` (end), `entry` (`main`), `signals`, `handles`, `reload`.

mod base;
mod bound;
mod edge;
mod entry;
mod handles;
mod hosted;
mod plan;
mod reload;
mod running;
mod service;
mod settings;
mod shutdown;
mod signals;

pub use entry::{main, main_with, run};
pub use plan::Plan;
pub use running::{Running, UncleanEnd};
pub use service::{Addresses, Deps, Mounts, Peers, Service};
pub use settings::{AccessSettings, DEV, IdentitySettings, PeerSettings, ServerSettings, Settings};
pub use shutdown::Shutdown;
pub use signals::{Signals, until_the_end};
