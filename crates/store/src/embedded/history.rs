//! The log: which keys each commit changed. Values are not repeated here; they are the rows.

use std::sync::Arc;

use sled::IVec;

use super::{
    layout::{damaged, fault, log_revision, log_stem, read_pieces},
    rows,
};
use crate::{
    key::Key,
    log::{Change, LoggedCommit},
    read::ReadError,
    revision::Revision,
};

/// Layout of a commit's record: this byte, then each key behind its length.
const LOG_FORMAT: u8 = 1;

/// The stored form of a commit's record.
pub(super) fn record<'a>(keys: impl Iterator<Item = &'a Key>) -> Vec<u8> {
    let mut out = vec![LOG_FORMAT];
    for key in keys {
        let bytes = key.as_bytes();
        // MAX_KEY_BYTES is far below 64 KiB.
        out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        out.extend_from_slice(bytes);
    }
    out
}

fn keys_of(record: &[u8], place: &[u8]) -> Result<Vec<Key>, ReadError> {
    let damage = || damaged("a commit's record", place);
    let Some((&LOG_FORMAT, mut rest)) = record.split_first() else {
        return Err(damage());
    };
    let mut keys = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (key, tail) = tail.split_at_checked(length).ok_or_else(damage)?;
        keys.push(Key::from_bytes(key.to_vec()));
        rest = tail;
    }
    if rest.is_empty() { Ok(keys) } else { Err(damage()) }
}

/// A commit's number, the keys it changed, and in how many pieces its record is stored.
pub(super) struct LogEntry {
    pub(super) revision: Revision,
    pub(super) keys: Vec<Key>,
    pub(super) record_bytes: usize,
}

/// The records of the commits after `after` up to `until`, in order.
pub(super) fn entries(
    db: &sled::Db,
    after: Revision,
    until: Revision,
) -> impl Iterator<Item = Result<LogEntry, ReadError>> {
    let mut stored = db.range(log_stem(after.next())..log_stem(until.next()));
    std::iter::from_fn(move || {
        let first = stored.next()?;
        Some(first.map_err(fault).and_then(|first| entry(&first, &mut stored)))
    })
}

fn entry(
    first: &(IVec, IVec),
    rest: &mut impl Iterator<Item = sled::Result<(IVec, IVec)>>,
) -> Result<LogEntry, ReadError> {
    let revision = log_revision(&first.0)?;
    let record = read_pieces(first, rest)?;
    let keys = keys_of(&record, &first.0)?;
    Ok(LogEntry { revision, keys, record_bytes: record.len() })
}

/// A commit with the values before and after, read from the rows. Right only while the revision
/// before it is not compacted.
pub(super) fn with_values(db: &sled::Db, entry: LogEntry) -> Result<Arc<LoggedCommit>, ReadError> {
    let LogEntry { revision, keys, .. } = entry;
    let before = Revision::new(revision.get() - 1);
    let mut changes = Vec::with_capacity(keys.len());
    for key in keys {
        let after = rows::row_at(db, &key, revision)?.map(|row| row.value);
        let before = rows::row_at(db, &key, before)?.map(|row| row.value);
        changes.push(Change { key, before, after });
    }
    Ok(Arc::new(LoggedCommit { revision, changes }))
}

#[cfg(test)]
mod fuzz {
    use super::*;

    #[test]
    fn any_bytes_are_a_commits_record_or_damage() {
        let keys = [Key::builder(1).text("a").finish(), Key::builder(2).u64(7).finish()];
        trial::target!("log_records").with(record(keys.iter())).run(|input| {
            let keys = keys_of(input, b"place");
            if let Ok(keys) = &keys {
                assert_eq!(record(keys.iter()), input, "a record has two spellings");
            }
            keys
        });
    }
}
