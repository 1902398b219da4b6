//! What does each candidate cost, in milliseconds?
//!
//! The way between two places ([`place`]), and the sum that is compared ([`score`]).

pub mod place;
pub mod score;
