//! Use cases, by noun: the only place that orders check, write, announce.
//!
//! Read in this order: `keys`, `enrol` (the four steps), `reserving` (the first of them, for all who wait), `folding` (who waits
//! for whom), `finish` (the others, shared with the worker), `returning` (uses given back), `authorities` (who signs), `renewal`, `revoking`, `ledger`, `tenants` (whose history a key's is), `limits`.

pub(crate) mod authorities;
pub(crate) mod enrol;
pub(crate) mod finish;
pub(crate) mod folding;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod limits;
pub(crate) mod renewal;
pub(crate) mod reserving;
pub(crate) mod returning;
pub(crate) mod revoking;
pub(crate) mod tenants;
