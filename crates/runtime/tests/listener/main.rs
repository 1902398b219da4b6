//! The accept loop from outside: real sockets, real certificates.

mod drain;
mod fixture;
mod limits;
mod trust;
