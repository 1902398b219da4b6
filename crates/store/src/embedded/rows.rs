//! Reading versions of rows out of sled.
//!
//! These functions know nothing of what is published or compacted; their callers check that.

use std::iter::Peekable;

use bytes::{BufMut, Bytes, BytesMut};
use sled::IVec;

use super::layout::{
    RowPlace, after_group, damaged, fault, piece_count, read_pieces, row_group, row_range, row_stem,
};
use crate::{
    engine::ScanRange,
    key::Key,
    read::{MAX_SCAN_BYTES, ReadError, Row},
    revision::Revision,
};

/// Layout of a row's body: format, kind, revision of creation, value.
const ROW_FORMAT: u8 = 1;
const HEAD_BYTES: usize = 10;
const KIND_VALUE: u8 = 0;
const KIND_DELETED: u8 = 1;

/// Older versions of a key to step over before seeking past them. A seek costs about as much as
/// four steps.
const MAX_STEPS_BEFORE_SEEK: usize = 4;

/// One version of a key: a value, or the mark that it was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) revision: Revision,
    pub(super) created: Revision,
    pub(super) value: Option<Bytes>,
}

impl Version {
    /// The stored form.
    pub(super) fn body(&self) -> Bytes {
        let value = self.value.as_deref().unwrap_or_default();
        let mut out = BytesMut::with_capacity(HEAD_BYTES + value.len());
        out.put_u8(ROW_FORMAT);
        out.put_u8(if self.value.is_some() { KIND_VALUE } else { KIND_DELETED });
        out.put_i64(self.created.get());
        out.put_slice(value);
        out.freeze()
    }

    fn from_body(revision: Revision, body: Bytes, place: &[u8]) -> Result<Version, ReadError> {
        let damage = || damaged("a row's head", place);
        let (head, _) = body.split_first_chunk::<HEAD_BYTES>().ok_or_else(damage)?;
        let [ROW_FORMAT, kind, created @ ..] = *head else {
            return Err(damage());
        };
        let value = match kind {
            KIND_VALUE => Some(body.slice(HEAD_BYTES..)),
            KIND_DELETED => None,
            _ => return Err(damage()),
        };
        let created = Revision::new(i64::from_be_bytes(created));
        Ok(Version { revision, created, value })
    }

    /// How many pieces this version is stored in.
    pub(super) fn pieces(&self) -> usize {
        piece_count(HEAD_BYTES + self.value.as_ref().map_or(0, Bytes::len))
    }

    fn into_row(self, key: Key) -> Option<Row> {
        let Version { revision, created, value } = self;
        value.map(|value| Row { key, value, revision, created })
    }
}

/// The newest version of a key at or before `at`, deleted or not.
pub(super) fn version_at(
    db: &sled::Db,
    key: &Key,
    at: Revision,
) -> Result<Option<Version>, ReadError> {
    let group = row_group(key);
    let mut rows = db.range(row_stem(&group, at)..after_group(&group));
    match rows.next() {
        None => Ok(None),
        Some(first) => read_version(&first.map_err(fault)?, &mut rows).map(Some),
    }
}

/// The live row of a key at `at`.
pub(super) fn row_at(db: &sled::Db, key: &Key, at: Revision) -> Result<Option<Row>, ReadError> {
    let version = version_at(db, key, at)?;
    Ok(version.and_then(|version| version.into_row(key.clone())))
}

/// All versions of a key at or before `at`, newest first.
pub(super) fn versions_until(
    db: &sled::Db,
    key: &Key,
    at: Revision,
) -> Result<Vec<Version>, ReadError> {
    let group = row_group(key);
    let mut rows = db.range(row_stem(&group, at)..after_group(&group));
    let mut versions = Vec::new();
    while let Some(first) = rows.next() {
        versions.push(read_version(&first.map_err(fault)?, &mut rows)?);
    }
    Ok(versions)
}

fn read_version(
    first: &(IVec, IVec),
    rest: &mut impl Iterator<Item = sled::Result<(IVec, IVec)>>,
) -> Result<Version, ReadError> {
    let place = RowPlace::read(&first.0)?;
    if place.piece != 0 {
        return Err(damaged("a row's first piece", &first.0));
    }
    let body = read_pieces(first, rest)?;
    Version::from_body(place.revision, body, &first.0)
}

/// Live rows of a range at `at`, as many as fit in one page, and whether more follow.
pub(super) fn scan(
    db: &sled::Db,
    range: &ScanRange,
    at: Revision,
) -> Result<(Vec<Row>, bool), ReadError> {
    let (first, end) = row_range(&range.prefix);
    let after = range.after.as_ref().map(|key| after_group(&row_group(key)));
    let start = after.map_or(first.clone(), |after| after.max(first));
    let mut walk = Walk::new(db, start, end);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = walk.next_live(at)? {
        bytes += row.weight();
        let is_heavy = bytes > MAX_SCAN_BYTES && !rows.is_empty();
        if rows.len() == range.limit || is_heavy {
            return Ok((rows, true));
        }
        rows.push(row);
    }
    Ok((rows, false))
}

/// Goes through a range and stops at one version of each key.
struct Walk<'a> {
    db: &'a sled::Db,
    end: Vec<u8>,
    stored: Peekable<sled::Iter>,
}

impl Walk<'_> {
    fn new(db: &sled::Db, start: Vec<u8>, end: Vec<u8>) -> Walk<'_> {
        // An `after` beyond the prefix makes an empty range, not a reversed one.
        let stored = db.range(start.min(end.clone())..end.clone()).peekable();
        Walk { db, end, stored }
    }

    fn next_live(&mut self, at: Revision) -> Result<Option<Row>, ReadError> {
        while let Some((group, version)) = self.next_version(at)? {
            let key = RowPlace { group: &group, revision: version.revision, piece: 0 }.key()?;
            self.pass(&group);
            if let Some(row) = version.into_row(key) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// The next key's newest version at or before `at`, and the key's group.
    fn next_version(&mut self, at: Revision) -> Result<Option<(Vec<u8>, Version)>, ReadError> {
        let mut steps = 0;
        while let Some(first) = self.stored.next() {
            let first = first.map_err(fault)?;
            let place = RowPlace::read(&first.0)?;
            if place.revision <= at {
                let version = read_version(&first, &mut self.stored)?;
                return Ok(Some((place.group.to_vec(), version)));
            }
            steps += 1;
            if steps > MAX_STEPS_BEFORE_SEEK {
                self.seek(row_stem(place.group, at));
                steps = 0;
            }
        }
        Ok(None)
    }

    /// Leaves the older versions of a key behind.
    fn pass(&mut self, group: &[u8]) {
        for _ in 0..MAX_STEPS_BEFORE_SEEK {
            match self.stored.peek() {
                Some(Ok((place, _))) if place.starts_with(group) => self.stored.next(),
                _ => return,
            };
        }
        self.seek(after_group(group));
    }

    fn seek(&mut self, start: Vec<u8>) {
        self.stored = self.db.range(start.min(self.end.clone())..self.end.clone()).peekable();
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;

    #[test]
    fn any_bytes_are_a_rows_body_or_damage() {
        trial::target!("row_bodies").run(|input| {
            let body = Bytes::copy_from_slice(input);
            let version = Version::from_body(Revision::new(9), body, b"place");
            if let Ok(version) = &version {
                let body = version.body();
                assert!(input.starts_with(&body), "another body is written");
                // A deleted row has no value: what follows its head is not looked at.
                assert!(version.value.is_none() || body == input);
            }
            version
        });
    }
}
