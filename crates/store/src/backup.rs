//! Backup, verification and restore, independent of the engine.
//!
//! A backup is one revision of the whole store in one file, taken while commits go on. What
//! always holds: a file under its final name is complete, durable and carries a BLAKE3 of all of
//! it; restoring builds a store aside, with an epoch of its own, and moves it into place whole.
//! Absent on purpose: what is about processes and not about data (leases), incremental backups, and history (a restored store begins with the state of
//! that one revision; its revisions begin anew, which its new epoch makes visible).

mod file;
mod restore;
mod send;
mod write;

use std::{io, path::PathBuf};

use jiff::Timestamp;

pub use restore::{restore, verify};
pub use send::BackupParts;
pub(crate) use send::{parts, place, prepare};
pub(crate) use write::write;

use crate::{
    commit::CommitError,
    embedded::OpenError,
    format::RecordFormat,
    read::ReadError,
    revision::{Epoch, Revision},
};

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSummary {
    /// The epoch of the store it was taken from.
    pub epoch: Epoch,
    /// The revision it shows.
    pub revision: Revision,
    /// When it was taken.
    pub taken: Timestamp,
    /// The format of its records: who restores it must read it.
    pub format: RecordFormat,
    /// How many rows it holds, the store's own records of requests included.
    pub rows: u64,
    /// The size of the file.
    pub bytes: u64,
}

/// Why a backup was not written, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or directory could not be used.
    #[error("{} could not be used", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no backup of this software, or is cut off, or was changed.
    #[error("{} is not a whole backup: {detail}; use another one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The file was written by a later version of the software.
    #[error("{} has format {found}, and this version reads up to {known}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The latest format this version reads.
        known: u32,
    },
    /// The place to restore to is taken.
    #[error("{} is not empty; restore to a new directory, or move this one away", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The new store could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new store could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}
