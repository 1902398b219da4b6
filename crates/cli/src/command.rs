//! The commands, one module each.

pub(crate) mod apply;
pub(crate) mod backup;
pub(crate) mod demo;
pub(crate) mod describe;
pub(crate) mod dev;
pub(crate) mod explain;
pub(crate) mod get;
pub(crate) mod pki;
pub(crate) mod version;
