//! Who stands behind a segment, and may each of them serve?
//!
//! The chain of a segment, compiled ([`snapshot`]); a verdict for each connector of it ([`assess`]); and the words for
//! both ([`verdict`]).

pub mod assess;
pub mod snapshot;
pub mod verdict;
