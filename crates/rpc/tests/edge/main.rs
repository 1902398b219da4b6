//! The edge from outside: real sockets, real HTTP/2, a service of the contract behind it.

// Helpers of tests are no tests to clippy.
#![allow(clippy::unwrap_used)]

mod access;
mod calling;
mod faults;
mod load;
mod served;
mod time;
