//! The embedded engine: sled, owned by one process.
//!
//! The only module of the workspace that names sled. What always holds:
//! - one thread writes; it groups what waits, applies one batch, flushes, syncs the file system,
//!   and only then publishes and answers;
//! - rows are kept per revision, so readers share nothing with the writer but sled itself;
//! - every stored piece carries our own checksum, and no piece comes near sled's blob size.
//!
//! Absent on purpose: sled's transactions (a process-wide lock), its subscriptions (an undrained
//! one blocks the writer), its background flusher (it would sync at times nobody waits for) and
//! every kind of repair.
//!
//! ## Design notes
//! `flush` alone ends in `sync_file_range`, which does not make the growth of the file durable: in
//! a simulated power cut it lost every acknowledged write. `syncfs` on the store's own volume
//! covers the log, its length, directories and everything else at once, for about a tenth more
//! than syncing the one file.
//!
//! Rows sit under `r <key> 00 00 <inverted revision> <piece>`: the newest version of a key comes
//! first, so reading at any revision is one seek forward. History sits under `l <revision>
//! <piece>` as the list of changed keys; values before and after are the rows themselves, so a
//! value is stored once. Revisions of this engine are dense, which lets opening find a hole.

mod compact;
mod core;
mod disk;
mod engine;
mod group;
mod handles;
mod history;
mod layout;
mod mark;
mod open;
mod rows;
mod shared;
mod watchdog;
mod writer;

pub(crate) use engine::Embedded;
pub use open::OpenError;
