//! The whole control plane in one process, on a directory of its own.
//!
//! Owns: what a first start makes (`home`), which services run together and on what settings (`host`), and the first
//! objects through the API (`bootstrap`).
//! Always holds: the services are the shipped ones and meet over mTLS on real sockets, as they do apart.
//! Absent on purpose: any rule of a service.

pub(crate) mod bootstrap;
pub(crate) mod home;
pub(crate) mod host;
