//! The format of the records: which programs can read all that was written into a store.
//!
//! Owns one row: the highest format among the records that were ever committed, and the version of the program that first
//! committed one of it. What always holds: the row is durable before the first record that needs it; it never goes back; a
//! program that does not read the format does not open the store, and no program writes what it could not read again. A backup
//! carries the row like every other.
//! Absent on purpose: which records there are and what changed between their versions (each service), and the layout of an
//! engine's own files.
//!
//! ## Design notes
//! The row is raised in a commit of its own before the record's, once in a store's life for each format. In one commit with the
//! record it would need preconditions of the store's own in a caller's commit, whose refusals the caller would have to tell from
//! its own ones. What a crash between the two leaves is a row that asks for more than was written, which is safe.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::{
    commit::{CommitError, Precondition, Write},
    engine::{Transaction, TransactionError},
    key::Key,
    read::{At, ReadError},
    reserved::TAG_FORMAT,
    revision::Revision,
    value::FIRST_FORMAT,
    view::View,
};

/// How often the row is raised again after another handle raised it in between; each time it is higher.
const MAX_RACES: usize = 8;

/// The format of what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFormat {
    /// From [`FIRST_FORMAT`] up.
    pub number: u32,
    /// Version of the program that first wrote a record of this format; empty for the first format.
    pub version: String,
}

impl Default for RecordFormat {
    fn default() -> RecordFormat {
        RecordFormat { number: FIRST_FORMAT, version: String::new() }
    }
}

impl std::fmt::Display for RecordFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "record format {}", self.number)?;
        if self.version.is_empty() { Ok(()) } else { write!(f, " (since {})", self.version) }
    }
}

/// What a program reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads {
    /// The highest format among its records.
    pub format: u32,
    /// The program's version, which the row remembers if it is the first that writes the format.
    pub version: String,
}

impl Default for Reads {
    fn default() -> Reads {
        Reads { format: FIRST_FORMAT, version: String::new() }
    }
}

/// The row, of every version that was ever written.
#[derive(Serialize, Deserialize)]
enum Stored {
    /// The format, and the version of the program that first wrote it.
    V1(u32, String),
}

/// The row's key.
pub(crate) fn key() -> Key {
    Key::builder(TAG_FORMAT).finish()
}

/// What the row says.
pub(crate) fn read(value: &[u8]) -> Result<RecordFormat, ReadError> {
    let Stored::V1(number, version) = postcard::from_bytes(value)
        .map_err(|error| ReadError::Corrupt(format!("the record format: {error}")))?;
    Ok(RecordFormat { number, version })
}

fn encoded(format: &RecordFormat) -> Result<Bytes, CommitError> {
    let stored = Stored::V1(format.number, format.version.clone());
    let encoded = postcard::to_stdvec(&stored);
    encoded
        .map(Bytes::from)
        .map_err(|error| CommitError::Unavailable(format!("cannot record the format: {error}")))
}

/// The row as one handle knows it.
pub(crate) struct Guard {
    reads: Reads,
    /// The row says at least this.
    known: AtomicU32,
    raising: Mutex<()>,
}

impl Guard {
    pub(crate) fn new(reads: Reads) -> Guard {
        Guard { reads, known: AtomicU32::new(FIRST_FORMAT), raising: Mutex::new(()) }
    }

    /// What the store says of itself, if this program reads it; otherwise as an error.
    pub(crate) async fn check(&self, view: &View) -> Result<Result<(), RecordFormat>, ReadError> {
        let (found, _) = look(view).await?;
        if found.number > self.reads.format {
            return Ok(Err(found));
        }
        self.known.fetch_max(found.number, Ordering::Relaxed);
        Ok(Ok(()))
    }

    /// Returns when the row says at least `needed`.
    pub(crate) async fn raise(&self, view: &View, needed: u32) -> Result<(), CommitError> {
        let Reads { format: reads, version } = &self.reads;
        if needed > *reads {
            return Err(CommitError::UnreadFormat { needed, reads: *reads });
        }
        if needed <= self.known.load(Ordering::Relaxed) {
            return Ok(());
        }
        let _alone = self.raising.lock().await;
        let unreadable = |error: ReadError| CommitError::Unavailable(error.to_string());
        for _ in 0..MAX_RACES {
            let (found, revision) = look(view).await.map_err(unreadable)?;
            if found.number >= needed {
                self.known.fetch_max(found.number, Ordering::Relaxed);
                return Ok(());
            }
            let next = RecordFormat { number: needed, version: version.clone() };
            let unchanged = match revision {
                None => Precondition::KeyAbsent(key()),
                Some(revision) => Precondition::KeyAtRevision(key(), revision),
            };
            let writes = vec![Write::Put(key(), encoded(&next)?)];
            match view.commit(Transaction { preconditions: vec![unchanged], writes }).await {
                Ok(_) => tracing::info!(
                    format = needed,
                    "records of a new format are written from now on"
                ),
                Err(TransactionError::Precondition { .. }) => {}
                Err(error) => return Err(error.into_commit_error(0)),
            }
        }
        Err(CommitError::Unavailable("others keep changing the record format".to_owned()))
    }
}

async fn look(view: &View) -> Result<(RecordFormat, Option<Revision>), ReadError> {
    match view.get(&key(), At::Latest).await? {
        None => Ok((RecordFormat::default(), None)),
        Some(row) => Ok((read(&row.value)?, Some(row.revision))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_is_written_as_ever_and_what_was_ever_written_is_read() {
        let format = RecordFormat { number: 2, version: "0.1.0".to_owned() };
        // The version, the format, then the length of the text and the text.
        let golden = [0, 2, 5, b'0', b'.', b'1', b'.', b'0'];
        assert_eq!(encoded(&format).as_deref(), Ok(&golden[..]));
        assert_eq!(read(&golden), Ok(format));
    }

    #[test]
    fn any_bytes_are_a_format_or_damage() {
        let format = RecordFormat { number: 9, version: "1.2.3".to_owned() };
        let target = trial::target!("record_formats").with(encoded(&format).unwrap().to_vec());
        target.run(|input| {
            let found = read(input);
            if let Ok(format) = &found {
                assert_eq!(read(&encoded(format).unwrap()).as_ref(), Ok(format));
            }
            found
        });
    }
}
