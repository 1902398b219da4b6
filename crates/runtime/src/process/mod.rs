//! The life of a process: build, bind, run, drain, end.
//!
//! Owns: the contract of a service towards its process, and the order in which things start and stop.
//! Always holds: one process hosts one service or several alike; nothing serves before everything is built and
//! bound; what stops, stops in the order of [`Shutdown`].
//! Absent on purpose: knowledge of any particular service.

mod service;
mod shutdown;

pub use service::{Deps, Mounts, Service};
pub use shutdown::Shutdown;
