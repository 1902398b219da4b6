//! What updates keeps: written schedules and policies, a copy of what it must know of groups, and tenants' global ids.
//!
//! Owns: keys, records, and the verbs in which the service reads and writes.
//! Always holds: a schedule belongs to the group with the uid it was written for, so a group that was purged and made
//! anew under the same name begins with the defaults.
//! Absent on purpose: anything computed (windows and effective profiles follow from what is kept), and history, which
//! `resource::history` keeps beside these rows.

#[cfg(test)]
mod fuzz;
mod groups;
mod keys;
mod records;
mod tenants;
mod written;

use store::Store;

pub(crate) use records::{Kept, Written, reads};
pub(crate) use written::{Found, Kind, Place, Slot};

/// The service's view of its store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Rows {
    store: Store,
}

impl Rows {
    /// Over an open store.
    #[must_use]
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// The store itself: epoch, published revision, health, close.
    #[must_use]
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }
}

#[cfg(test)]
mod tests;
