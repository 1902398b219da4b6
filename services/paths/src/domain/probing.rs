//! What do connectors probe, and what do the results say?
//!
//! What one connector is to probe ([`assignment`]), and what a row of results means ([`health`]).

pub mod assignment;
pub mod health;
