//! What paths follows at its siblings: configuration at registry, trust at provisioning.
//!
//! Owns: opening the watches, and what an event means here.
//! Always holds: an event is kept as the sibling sent it, beside its meaning, so that a restart reads the
//! same meaning from the store.
//! Absent on purpose: calls. Every question is answered from the copy.

#[cfg(test)]
mod fuzz;
pub(crate) mod provisioning;
pub(crate) mod registry;

use bytes::Bytes;

/// One object as a sibling told it.
#[derive(Clone, Debug)]
pub(crate) struct Told<F> {
    /// Its name, unique at that sibling.
    pub(crate) name: String,
    /// What it means here.
    pub(crate) fact: F,
    /// The event as it came, to be kept; `None` when the object is gone for good.
    pub(crate) message: Option<Bytes>,
}
