//! Which segment does a host and port lead to?
//!
//! Hosts, domains and networks in one comparable form ([`host`]), and the search over them ([`matcher`]).

#[cfg(test)]
mod fuzz;
pub mod host;
pub mod matcher;
mod punycode;
