//! What this service needs to know of an app connector group.
//!
//! Owns: the local picture of a group that registry owns.
//! Always holds: it is what registry said last; nothing is derived from it here.
//! Absent on purpose: everything else of a group; who wants it asks registry.

use names::AppConnectorGroupName;

/// A group as far as its schedule needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its name.
    pub(crate) name: AppConnectorGroupName,
    /// Its global id: tells a group from a later one of the same name.
    pub(crate) uid: String,
    /// The zone that registry derived for it: an IANA name that this server's database may not know yet.
    pub(crate) time_zone: String,
    /// Soft-deleted: it has no schedule until it is undeleted.
    pub(crate) deleted: bool,
}
