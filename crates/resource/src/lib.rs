//! How a resource is written, listed, watched and remembered: the one place that knows both the store and the wire.
//!
//! Owns: what every service did in its own words before. A write (who, which version, once), the loop around a lost race, what an
//! error of the store means to a caller, versioned records, history, pages with filter and order, the Watch server, caches of a
//! service's own rows, backups
//! and the store's settings.
//! Always holds: a write is made only of a request without a violation, by a caller who was authorised for that very object; a repeat
//! is answered as the first success; what a caller lists or watches is one revision.
//! Absent on purpose: kinds, rules and keys of any service.
//!
//! Read in this order: `fault` (what can go wrong), `write`, `tries`, `record` (writing), `history` (who and when), `listing`,
//! `filter`, `order` (lists), `watch`, `cache`, `backup`, `settings`.

pub mod backup;
pub mod cache;
pub mod fault;
pub mod filter;
pub mod history;
pub mod listing;
pub mod order;
pub mod record;
pub mod settings;
pub mod tries;
pub mod watch;
pub mod write;

pub use fault::Fault;
pub use record::{Record, RecordError};
pub use tries::Tries;
pub use write::{Parsing, Write};
