//! The command line as a client: which installation it speaks to, how it calls, how it prints.
//!
//! ## Design notes
//! Calls go through the descriptors of the contract instead of generated clients. So `get`, `describe` and
//! `apply` are one piece of code for every kind of object, print exactly what the contract's JSON mapping says, and
//! a new kind costs one line in `kinds.rs`.

pub(crate) mod context;
pub(crate) mod failure;
pub(crate) mod kinds;
pub(crate) mod output;
pub(crate) mod wire;
