//! What do connectors probe, and what do the results say?
//!
//! What users ask for ([`demand`]), the servers behind it ([`target`]), which of them one connector is to probe
//! ([`assignment`]), what a row of results means ([`health`]), and what that comes to at one moment ([`reading`]).

pub mod assignment;
pub mod demand;
pub mod health;
pub mod reading;
pub mod target;
