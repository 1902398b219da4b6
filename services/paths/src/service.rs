//! The use cases of paths.
//!
//! In reading order: [`index`] (what is configured, ready to answer), [`select`] (questions), [`report`]
//! (what connectors report and are asked to probe), [`status`] (what the fleet looks like), [`trust`] (whose
//! certificates count), [`token`] (what clients send back).

pub(crate) mod index;
pub(crate) mod report;
pub(crate) mod select;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod trust;
