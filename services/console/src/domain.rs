//! The rules of overviews: what is known of the fleet, and what is wrong with a group.
//!
//! Owns: the index of what registry and provisioning tell, the conditions of a group, and how fresh a source is.
//! Always holds: the index follows from the changes it was given, in order; a condition that needs an unknown source is left
//! out and never guessed.
//! Absent on purpose: windows, profiles and live status, which are asked of their owners for each answer.
//!
//! Read in this order: `fleet` (the things), `registered` and `keys` (the index), `condition`, `source`.

pub mod condition;
pub mod fleet;
pub mod keys;
pub mod registered;
pub mod source;
