//! A process from outside: start, readiness, end, with toy services on real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod end;
mod start;
mod toys;
