//! The use cases of paths.
//!
//! In reading order: [`index`] (what is configured, ready to answer), [`select`] (questions), [`report`]
//! (what connectors report and are asked to probe), [`status`] (what the fleet looks like), [`trust`] (whose
//! certificates count), [`token`] (what clients send back).

pub mod index;
pub mod report;
pub mod select;
pub mod status;
pub mod token;
pub mod trust;
