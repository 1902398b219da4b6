//! The accept loop from outside: real sockets, real certificates.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod drain;
mod fixture;
mod limits;
mod trust;
