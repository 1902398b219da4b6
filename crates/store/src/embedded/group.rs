//! One group of transactions: each is checked against the state that the ones before it leave,
//! and all their writes go into one batch.

use std::{collections::BTreeMap, ops::Bound};

use sled::Batch;

use super::{
    history,
    layout::{log_stem, row_group, row_stem, write_pieces},
    rows::{self, Version},
};
use crate::{
    commit::{Failed, Precondition, Write},
    engine::{ScanRange, Transaction, TransactionError},
    key::{Key, Prefix},
    log::{Change, LoggedCommit},
    read::{ReadError, Row},
    revision::Revision,
};

/// Beyond every revision: what is applied, published or not.
const LATEST: Revision = Revision::new(i64::MAX);

/// Rows looked at in one go for `PrefixEmpty`; nearly always the first decides.
const EMPTY_CHECK_ROWS: usize = 16;

/// Why a transaction is not part of its group.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotAdded {
    Refused(TransactionError),
    /// It could not be checked.
    Unreadable(ReadError),
}

impl From<ReadError> for NotAdded {
    fn from(error: ReadError) -> NotAdded {
        NotAdded::Unreadable(error)
    }
}

/// The writes of a group so far, and the state they leave.
pub(super) struct Group<'a> {
    db: &'a sled::Db,
    last: Revision,
    /// Keys that this group wrote, as it leaves them.
    pending: BTreeMap<Key, Version>,
    /// Keys that this group read from disk. Most are read twice, for a condition and for a write, and a seek costs more
    /// than everything else that is done with a key.
    stored: BTreeMap<Key, Option<Version>>,
    batch: Batch,
    logged: Vec<LoggedCommit>,
}

impl Group<'_> {
    /// An empty group after the commit `last`.
    pub(super) fn new(db: &sled::Db, last: Revision) -> Group<'_> {
        let (pending, stored) = (BTreeMap::new(), BTreeMap::new());
        Group { db, last, pending, stored, batch: Batch::default(), logged: Vec::new() }
    }

    /// Checks a transaction and adds its writes; a refused one, and one that could not be checked, leaves the group as it was.
    pub(super) fn add(&mut self, transaction: Transaction) -> Result<Revision, NotAdded> {
        for (index, precondition) in transaction.preconditions.iter().enumerate() {
            if let Some((key, failed)) = self.check(precondition)? {
                let at = self.last;
                let refusal = TransactionError::Precondition { index, key, failed, at };
                return Err(NotAdded::Refused(refusal));
            }
        }
        let changes = self.changes(transaction.writes)?;
        if !changes.is_empty() {
            self.last = self.last.next();
            self.apply(changes);
        }
        Ok(self.last)
    }

    /// The batch, the commits in it, and the revision it leads to.
    pub(super) fn finish(self) -> (Batch, Vec<LoggedCommit>, Revision) {
        (self.batch, self.logged, self.last)
    }

    fn check(&mut self, precondition: &Precondition) -> Result<Option<(Key, Failed)>, ReadError> {
        let found = match precondition {
            Precondition::PrefixEmpty(prefix) => {
                let example = self.first_live(prefix)?;
                return Ok(example.map(|key| {
                    let failed = Failed::PrefixNotEmpty { example: key.clone() };
                    (key, failed)
                }));
            }
            Precondition::KeyAbsent(key)
            | Precondition::KeyPresent(key)
            | Precondition::KeyAtRevision(key, _) => (key, self.live(key)?),
        };
        let failed = match (precondition, found.1) {
            (Precondition::KeyAbsent(_), Some(row)) => {
                Some(Failed::KeyExists { revision: row.revision })
            }
            (Precondition::KeyPresent(_) | Precondition::KeyAtRevision(..), None) => {
                Some(Failed::KeyMissing)
            }
            (Precondition::KeyAtRevision(_, wanted), Some(row)) if row.revision != *wanted => {
                Some(Failed::RevisionMismatch { current: row.revision })
            }
            _ => None,
        };
        Ok(failed.map(|failed| (found.0.clone(), failed)))
    }

    fn live(&mut self, key: &Key) -> Result<Option<Version>, ReadError> {
        let version = match (self.pending.get(key), self.stored.get(key)) {
            (Some(version), _) => Some(version.clone()),
            (None, Some(stored)) => stored.clone(),
            (None, None) => {
                let stored = rows::version_at(self.db, key, LATEST)?;
                self.stored.insert(key.clone(), stored.clone());
                stored
            }
        };
        Ok(version.filter(|version| version.value.is_some()))
    }

    fn first_live(&self, prefix: &Prefix) -> Result<Option<Key>, ReadError> {
        let start = Key::from_bytes(prefix.as_bytes().to_vec());
        let pending = self.pending.range((Bound::Included(start), Bound::Unbounded));
        let mut pending = pending.take_while(|(key, _)| prefix.matches(key));
        let added = pending.find(|(_, version)| version.value.is_some());
        if let Some((key, _)) = added {
            return Ok(Some(key.clone()));
        }
        let mut after = None;
        loop {
            let range = ScanRange { prefix: prefix.clone(), after, limit: EMPTY_CHECK_ROWS };
            let (stored, more) = rows::scan(self.db, &range, LATEST)?;
            let is_left = |row: &&Row| !self.pending.contains_key(&row.key);
            if let Some(row) = stored.iter().find(is_left) {
                return Ok(Some(row.key.clone()));
            }
            after = stored.into_iter().last().map(|row| row.key);
            if !more {
                return Ok(None);
            }
        }
    }

    /// What the writes change. A delete of nothing changes nothing; a put always does, even with
    /// the same value, because its caller is promised a new revision.
    fn changes(&mut self, writes: Vec<Write>) -> Result<Vec<(Change, Revision)>, ReadError> {
        let mut changes = Vec::with_capacity(writes.len());
        let next = self.last.next();
        for write in writes {
            let before = self.live(write.key())?;
            let created = before.as_ref().map_or(next, |version| version.created);
            let before = before.and_then(|version| version.value);
            let (key, after) = match write {
                Write::Put(key, value) => (key, Some(value)),
                Write::Delete(key) => (key, None),
            };
            if before.is_some() || after.is_some() {
                changes.push((Change { key, before, after }, created));
            }
        }
        changes.sort_by(|(one, _), (other, _)| one.key.cmp(&other.key));
        Ok(changes)
    }

    fn apply(&mut self, changes: Vec<(Change, Revision)>) {
        let revision = self.last;
        let body = history::record(changes.iter().map(|(change, _)| &change.key));
        self.insert(&log_stem(revision), &body);
        for (change, created) in &changes {
            let version = Version { revision, created: *created, value: change.after.clone() };
            self.insert(&row_stem(&row_group(&change.key), revision), &version.body());
            self.pending.insert(change.key.clone(), version);
        }
        let changes = changes.into_iter().map(|(change, _)| change).collect();
        self.logged.push(LoggedCommit { revision, changes });
    }

    fn insert(&mut self, stem: &[u8], body: &[u8]) {
        write_pieces(stem, body, |place, value| self.batch.insert(place, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::builder(1).text(name).finish()
    }

    fn put(name: &str) -> Transaction {
        Transaction { preconditions: vec![], writes: vec![Write::Put(key(name), "x".into())] }
    }

    fn delete(name: &str) -> Transaction {
        Transaction { preconditions: vec![], writes: vec![Write::Delete(key(name))] }
    }

    fn only_if(precondition: Precondition) -> Transaction {
        Transaction { preconditions: vec![precondition], writes: vec![] }
    }

    /// A store in memory after one group with these transactions, and its latest revision.
    fn stored(transactions: Vec<Transaction>) -> (sled::Db, Revision) {
        let db = sled::Config::new().temporary(true).open().expect("opens");
        let mut group = Group::new(&db, Revision::ZERO);
        for transaction in transactions {
            group.add(transaction).expect("has no conditions");
        }
        let (batch, _, last) = group.finish();
        db.apply_batch(batch).expect("applies");
        (db, last)
    }

    #[test]
    fn each_transaction_sees_what_the_ones_before_it_in_the_group_did() {
        let (db, last) = stored(vec![put("old-1"), put("old-2")]);
        let all = || only_if(Precondition::PrefixEmpty(Key::builder(1).prefix()));
        let absent = |name| only_if(Precondition::KeyAbsent(key(name)));
        let present = |name| only_if(Precondition::KeyPresent(key(name)));
        let mut group = Group::new(&db, last);
        group.add(all()).expect_err("both are there");
        group.add(delete("old-1")).expect("no conditions");
        group.add(all()).expect_err("one is left");
        group.add(absent("old-1")).expect("gone in this group");
        group.add(delete("old-2")).expect("no conditions");
        group.add(all()).expect("both gone in this group");
        group.add(put("new")).expect("no conditions");
        group.add(all()).expect_err("new in this group");
        group.add(present("new")).expect("new in this group");
        let at = only_if(Precondition::KeyAtRevision(key("new"), Revision::new(5)));
        assert_eq!(group.add(at), Ok(Revision::new(5)));
    }

    #[test]
    fn an_empty_range_is_found_empty_behind_many_deleted_keys() {
        let names: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        let (db, last) = stored(names.iter().map(|name| put(name)).collect());
        let mut group = Group::new(&db, last);
        for name in &names {
            group.add(delete(name)).expect("no conditions");
        }
        group.add(only_if(Precondition::PrefixEmpty(Key::builder(1).prefix()))).expect("is empty");
    }

    #[test]
    fn a_refused_transaction_leaves_no_trace() {
        let (db, last) = stored(vec![put("old")]);
        let mut group = Group::new(&db, last);
        let mut refused = put("new");
        refused.preconditions.push(Precondition::KeyAbsent(key("old")));
        group.add(refused).expect_err("old is there");
        group.add(only_if(Precondition::KeyAbsent(key("new")))).expect("was not written");
        let (_, logged, after) = group.finish();
        assert_eq!((logged, after), (vec![], last));
    }
}
