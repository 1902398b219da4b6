//! Use cases, by noun: the only place that orders check, write, announce.
//!
//! Read in this order: `keys`, `enrol` (the four steps), `finish` (its second half, shared with the worker), `authorities`
//! (who signs), `renewal`, `revoking`, `ledger`, then `limits` and `turns` (who waits for whom).

pub(crate) mod authorities;
pub(crate) mod enrol;
pub(crate) mod finish;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod limits;
pub(crate) mod renewal;
pub(crate) mod revoking;
pub(crate) mod turns;
