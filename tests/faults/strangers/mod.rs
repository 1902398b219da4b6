//! Strangers: who may call what, whose certificate counts, and what an attacker can cost others.
//!
//! Owns: the matrix of methods, callers and tenants (`matrix`), certificates that must not count (`certificates`), and the
//! sieges: half-open handshakes, readers that do not read, messages over the limit, more calls than can be answered.
//! Always holds: what is expected of a method is read from the contract, so a new method is besieged by itself; every
//! suite counts what it tried, so that it cannot pass by trying nothing.
//! Absent on purpose: what one crate shows alone (the verifier's rules, one listener's limits).
//!
//! Read in this order: `contract` (what is promised), `request` (a message from its descriptor), `wire` (one call), `answer`
//! (what it may tell), `ground` (two tenants with the same objects), then the suites.

mod answer;
mod certificates;
mod contract;
mod ground;
mod handshakes;
mod matrix;
mod overload;
mod readers;
mod request;
mod sizes;
mod wire;
