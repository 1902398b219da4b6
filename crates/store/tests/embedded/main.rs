//! What only the embedded engine has to prove: its directory, its lock, its disk, and its death.

// Tests say what must hold by unwrapping it.
#![allow(clippy::unwrap_used)]

mod damage;
mod disk;
mod faults;
mod kill;
mod leases;
mod lock;
mod power;
mod secrecy;
mod writers;

use jiff::Timestamp;
use store::{Commit, Key, OpenError, Store, StoreConfig};

/// Opens a store at a time that does not matter.
async fn open(config: StoreConfig) -> Result<Store, OpenError> {
    Store::open(config, || Timestamp::UNIX_EPOCH).await
}

fn commit() -> Commit {
    Commit::new(Timestamp::UNIX_EPOCH)
}

fn key(name: &str) -> Key {
    Key::builder(1).text(name).finish()
}
