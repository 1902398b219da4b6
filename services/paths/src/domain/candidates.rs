//! Who stands behind a segment, and may each of them serve?
//!
//! The chain of a segment, compiled ([`snapshot`], [`block`]); what is known of a connector of it ([`observed`]); the
//! verdict on it ([`assess`]); and the words for all of that ([`verdict`]).

pub mod assess;
pub mod block;
pub mod observed;
pub mod snapshot;
pub mod verdict;
