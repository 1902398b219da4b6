//! The revisioned object store: ordered keys, atomic commits, reads of the past, watches.
//!
//! Owns what is durable and in which order it came to be. What always holds, on every engine, however many handles are
//! open on one store:
//! - a commit's writes take place together or not at all, only if its preconditions hold, and an
//!   acknowledged one survives a kill and a power cut;
//! - nothing that a crash could take back is ever shown: reads, lists and watches name a
//!   *published* revision, which moves only after the durable sync;
//! - a handle reads its own writes and what refused them, at once; what other handles wrote it reads when its watch has
//!   brought it, or when it asks for the latest; what it has shown it never takes back;
//! - a list is one snapshot, however many pages; a watch misses nothing and repeats nothing;
//! - a request that is sent twice takes place once, whichever handle it is sent to;
//! - a restored store has another epoch and never passes for the one it was copied from.
//!
//! Absent on purpose: what the values mean (each service's `store/records.rs`), queries other
//! than key ranges, secondary indexes (services write their own keys in the same commit),
//! transactions that read first (read, then commit with preconditions), and locks: a [`lease`] saves work, and only
//! preconditions protect it.
//!
//! Reading order: [`key`], [`revision`], [`commit`], [`read`], [`watch`], `store`, then `view` (what a handle knows) and
//! `feed` (what it has been told), `engine` (the verbs), `log` (what commits changed) and `embedded` (how a commit is made
//! durable); last what is built from the verbs: [`lease`], `holds`, `upkeep`, `idempotency`, `backup`.

mod backup;
pub mod clock;
pub mod commit;
pub mod config;
mod embedded;
mod engine;
mod feed;
mod health;
mod holds;
mod idempotency;
pub mod key;
pub mod lease;
mod log;
pub mod read;
mod reserved;
pub mod revision;
mod stats;
mod store;
mod upkeep;
mod view;
pub mod watch;

pub use backup::{BackupError, BackupParts, BackupSummary, restore, verify};
pub use clock::MonotonicClock;
pub use commit::{
    Commit, CommitError, Committed, Failed, IdempotencyKey, MAX_COMMIT_BYTES, MAX_COMMIT_OPS,
    MAX_VALUE_BYTES, Precondition, Write,
};
pub use config::{EmbeddedConfig, EngineConfig, Retention, StoreConfig, StuckPolicy};
pub use embedded::OpenError;
pub use health::StoreHealth;
pub use holds::HOLD_LIFE;
pub use key::{Key, KeyBuilder, KeyPartError, KeyReader, MAX_KEY_BYTES, Prefix};
pub use lease::Lease;
pub use read::{At, MAX_SCAN_BYTES, MAX_SCAN_ROWS, ReadError, Row, ScanOptions, ScanPage};
pub use revision::{Epoch, Etag, EtagError, Revision};
pub use stats::StoreStats;
pub use store::{ReplayError, Store};
pub use view::MAX_ARRIVAL_WAIT;
pub use watch::{Change, WatchError, WatchFrom, WatchItem, WatchStream};
