//! The rules of keys and enrolment, as values that cannot be invalid and functions of
//! (inputs, previous, now).
//!
//! Read in this order: `secret` (what a caller presents), `key` and `uses` (what it may still do),
//! `refusal` (every reason to say no), `enrolment` (the four steps), `connector_id` (what the newcomer is called),
//! `budget` (how often one may be wrong), `certificate` (authorities and identities to refuse), then
//! what people write (`text`).

pub(crate) mod budget;
pub(crate) mod certificate;
pub(crate) mod connector_id;
pub(crate) mod enrolment;
#[cfg(test)]
mod fuzz;
pub(crate) mod key;
pub(crate) mod refusal;
pub(crate) mod secret;
pub(crate) mod text;
pub(crate) mod uses;
