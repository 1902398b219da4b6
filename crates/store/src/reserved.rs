//! The tags of the store's own rows. Never reused, and never written by a caller's commit.

use crate::key::{FIRST_RESERVED_TAG, Key};

/// A remembered request.
pub(crate) const TAG_REQUEST: u8 = FIRST_RESERVED_TAG;
/// A remembered request's place in the order of expiry.
pub(crate) const TAG_EXPIRY: u8 = FIRST_RESERVED_TAG + 1;
/// A lease.
pub(crate) const TAG_LEASE: u8 = FIRST_RESERVED_TAG + 2;
/// A hold on history.
pub(crate) const TAG_HOLD: u8 = FIRST_RESERVED_TAG + 3;
/// The format of the records.
pub(crate) const TAG_FORMAT: u8 = FIRST_RESERVED_TAG + 4;

/// Whether a row is about a process and not about the data: it means nothing in a store that is restored.
pub(crate) fn is_of_a_process(key: &Key) -> bool {
    matches!(key.tag(), TAG_LEASE | TAG_HOLD)
}
