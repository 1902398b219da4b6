//! `causeway demo`: the whole control plane at work, in one process, with real connectors and real sockets.
//!
//! Owns: a world to show (cities, groups, applications, users) and the judgement on every choice made in it.
//! Always holds: every object is made through the public API, every connector enrols and reports over mTLS with the code
//! that ships; the only thing staged is distance (see `dialer`).

pub(crate) mod cities;
mod dialer;
pub(crate) mod fleet;
mod judge;
pub(crate) mod plan;
pub(crate) mod questions;
pub(crate) mod servers;
pub(crate) mod table;
pub(crate) mod world;
