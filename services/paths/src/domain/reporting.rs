//! What does a connector report of itself, and what follows from it?
//!
//! Its words and load ([`report`]), and the numbers that a selection reads of it ([`numbers`]).

pub mod numbers;
pub mod report;
