//! Background work: each an idempotent tick, or a watch that is followed.

pub(crate) mod finish_reserved;
pub(crate) mod follow_registry;
pub(crate) mod sweep;
pub(crate) mod trim;
