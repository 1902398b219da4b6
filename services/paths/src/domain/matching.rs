//! Which segment does a host and port lead to?
//!
//! Hosts and domains in one comparable form ([`host`]), networks ([`network`]), and the search over all of them
//! ([`matcher`]).

#[cfg(test)]
mod fuzz;
pub mod host;
pub mod matcher;
pub mod network;
mod punycode;
