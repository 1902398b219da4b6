//! What a caller reads, and at which revision.

use bytes::Bytes;

use crate::{key::Key, revision::Revision};

/// Most rows of one page of a scan. Records of ordinary size make such a page about 1 MiB.
pub const MAX_SCAN_ROWS: usize = 1000;

/// Bytes of keys and values at which a page of a scan ends: 2 MiB, so that a full page of ordinary records is not cut, and
/// one of the largest (a thousand would be 64 MiB) stays well below the 4 MiB that gRPC clients, an engine's among them,
/// take in one answer.
pub const MAX_SCAN_BYTES: usize = 2 * 1024 * 1024;

/// The revision at which to read. Only published revisions can be read: what a crash could still
/// take back is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The latest published revision that this handle knows: its own commits are in it, those of other handles as soon as
    /// its watch brings them. Asks nobody.
    Published,
    /// The latest published revision of the store, whichever handle committed it. Asks the engine, which on a replicated
    /// one costs a round trip to most of its members; from then on [`At::Published`] shows as much.
    Latest,
    /// This revision, if it is published and not compacted, whether or not this handle has heard of it.
    Revision(Revision),
}

/// One object at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key.
    pub key: Key,
    /// Its value.
    pub value: Bytes,
    /// The revision of its last change.
    pub revision: Revision,
    /// The revision at which it came to be; a delete and a new put begin anew.
    pub created: Revision,
}

impl Row {
    /// What it counts towards [`MAX_SCAN_BYTES`].
    pub(crate) fn weight(&self) -> usize {
        self.key.as_bytes().len() + self.value.len()
    }
}

/// Which part of a prefix to read.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// Begin after this key; from the start if none.
    pub after: Option<Key>,
    /// Most rows to return; more than [`MAX_SCAN_ROWS`] means [`MAX_SCAN_ROWS`]. A page may end earlier, at
    /// [`MAX_SCAN_BYTES`]; it holds at least one row if there is one and this is not 0.
    pub limit: usize,
    /// The revision to read at. Pages of one list name the revision of the first page.
    pub at: At,
}

impl Default for ScanOptions {
    /// The first [`MAX_SCAN_ROWS`] rows at the published revision.
    fn default() -> ScanOptions {
        ScanOptions { after: None, limit: MAX_SCAN_ROWS, at: At::Published }
    }
}

/// One page of rows in key order, all at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanPage {
    /// The rows.
    pub rows: Vec<Row>,
    /// The revision that was read.
    pub revision: Revision,
    /// Whether rows follow the last one, whatever ended the page.
    pub more: bool,
}

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The revision's history is gone.
    #[error("the revision is compacted; the oldest that can be read is {oldest}")]
    Compacted {
        /// The oldest revision that can be read.
        oldest: Revision,
    },
    /// The revision is not published, as far as this handle knows: it has not heard of it yet, or it is of another store.
    /// Worth trying again, here or at the replica that named the revision.
    #[error(
        "the revision is not known here, where the latest is {published}; \
         try again, or at the replica that named it"
    )]
    Future {
        /// The latest revision that can be read here.
        published: Revision,
    },
    /// Stored bytes do not have the checksum they were written with.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The engine could not read now, or the store was closed.
    #[error("the store cannot be read: {0}")]
    Unavailable(String),
}

impl ReadError {
    /// What a closed store answers.
    pub(crate) fn closed() -> ReadError {
        ReadError::Unavailable("the store is closed".to_owned())
    }
}
