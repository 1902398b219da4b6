//! A process from outside: start, readiness, end, with toy services on real sockets.

mod end;
mod start;
mod toys;
