//! What paths keeps on disk: copies of what siblings own, and one secret of its own.
//!
//! Owns: [`Mirror`], which lets a restart answer while every sibling is down.
//! Always holds: the resume token of a copy is written last, in the same commit as the last of the rows that
//! it covers, so a crash at any point leads to rows being told again, never to rows missing.
//! Absent on purpose: live status, which the fleet reports anew within one heartbeat.

#[cfg(test)]
mod fuzz;
pub(crate) mod keys;
mod mirror;
pub(crate) mod records;

pub(crate) use mirror::{Mirror, secret};
