//! A write, as it is to be remembered.
//!
//! Owns: what a service tells of a write, and what it costs the commit. Absent on purpose: keys and the form of a row.

use jiff::Timestamp;
use rpc::access::Principal;
use store::Revision;
use uuid::Uuid;

/// Most operations that a row adds to a commit. A third only where what was before is larger than `MAX_INLINE_BYTES`.
pub const OPS_PER_ROW: usize = 2;
/// Largest record of before that stands in the row itself: with all that the row says besides it stays below the 64 KiB of a value.
pub(super) const MAX_INLINE_BYTES: usize = 48 * 1024;

/// Which objects are kept together: those of one tenant, of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// The tenant's uid; nil for the tenants themselves.
    pub tenant: Uuid,
    /// The kind, by a number that the service never gives to another.
    pub kind: u8,
}

/// What is to be remembered of one write of one object.
#[derive(Clone, Debug)]
pub struct Deed<'a> {
    /// Where the object stands.
    pub shelf: Shelf,
    /// Whose event it is: the tenant's uid, also where the object is the tenant.
    pub of_tenant: Uuid,
    /// The object's last id.
    pub id: &'a str,
    /// The object's uid.
    pub uid: Uuid,
    /// The object's name.
    pub name: String,
    /// When: later than every earlier deed on the object.
    pub time: Timestamp,
    /// Who.
    pub by: &'a Principal,
    /// The stored record of before, and its revision; `None` if there was no object.
    pub before: Option<(bytes::Bytes, Revision)>,
}
