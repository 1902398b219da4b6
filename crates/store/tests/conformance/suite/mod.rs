//! The suite: one module per promise.

pub(crate) mod backups;
pub(crate) mod commits;
pub(crate) mod compaction;
pub(crate) mod epochs;
pub(crate) mod idempotency;
pub(crate) mod leases;
pub(crate) mod life;
pub(crate) mod limits;
pub(crate) mod snapshots;
pub(crate) mod two_handles;
pub(crate) mod watches;
