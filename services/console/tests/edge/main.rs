//! The console from outside: its own process, real TLS, and four siblings that tell what the test says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod ground;
mod lists;
mod rows;
mod siblings;
mod world;
