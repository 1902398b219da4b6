//! The rules of path selection: pure functions of configuration, reports, question and moment.
//!
//! In reading order: what is configured ([`configuration`]), what is asked ([`question`]), which segment that leads
//! to ([`matching`]), who may serve it ([`candidates`]), what each of them costs ([`cost`]), which of them it is to be
//! ([`choice`]), what connectors probe so that all of it rests on measurements ([`probing`]), and what they report of
//! themselves ([`reporting`]).

pub mod candidates;
pub mod choice;
pub mod configuration;
pub mod cost;
pub mod matching;
pub mod probing;
pub mod question;
pub mod reporting;
#[cfg(test)]
pub(crate) mod testing;
