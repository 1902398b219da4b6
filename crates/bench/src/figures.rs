//! The figures, one family a module.

mod fleet;
pub(crate) mod joins;
pub(crate) mod paths;
pub(crate) mod records;
pub(crate) mod watchers;
