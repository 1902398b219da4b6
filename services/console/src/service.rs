//! The use cases: rows of groups, and the copies they are made from.
//!
//! Owns: who is asked for what, at once, and what a row is when somebody does not answer.
//! Always holds: rows are made for an `Authorised` tenant only; a sibling that does not answer costs its columns and never
//! the row.
//! Absent on purpose: any store. A copy is gone with the process and comes back from its owner.

pub mod copy;
pub mod live;
pub mod overviews;
