//! Forgetting history, a bounded step at a time, in the writer's thread.

use std::collections::BTreeMap;

use sled::Batch;

use super::{
    history::{self, LogEntry},
    layout::{log_stem, meta_stem, piece_count, piece_place, row_group, row_stem, write_pieces},
    open::META_OLDEST,
    rows,
};
use crate::{key::Key, read::ReadError, revision::Revision};

/// Changes of objects that one step looks at before it lets commits through again; about as many
/// as a large group makes.
const STEP_CHANGES: usize = 512;

/// What one step forgets.
pub(super) struct Step {
    pub(super) batch: Batch,
    /// The oldest revision that can be read after it.
    pub(super) oldest: Revision,
}

/// Plans the next step from `oldest` towards `to`.
pub(super) fn plan(db: &sled::Db, oldest: Revision, to: Revision) -> Result<Step, ReadError> {
    let mut batch = Batch::default();
    let mut changed: BTreeMap<Key, Revision> = BTreeMap::new();
    let mut seen = 0;
    let mut reached = to;
    for entry in history::entries(db, oldest, to) {
        let entry = entry?;
        forget_entry(&mut batch, &entry);
        seen += entry.keys.len();
        changed.extend(entry.keys.into_iter().map(|key| (key, entry.revision)));
        if seen >= STEP_CHANGES {
            reached = entry.revision;
            break;
        }
    }
    for (key, last_change) in &changed {
        forget_versions(db, &mut batch, key, *last_change)?;
    }
    let number = reached.get().to_be_bytes();
    write_pieces(&meta_stem(META_OLDEST), &number, |place, value| batch.insert(place, value));
    Ok(Step { batch, oldest: reached })
}

/// Removes what a key was before `at`; and its mark of deletion too, because from `at` on having
/// no row says the same.
fn forget_versions(
    db: &sled::Db,
    batch: &mut Batch,
    key: &Key,
    at: Revision,
) -> Result<(), ReadError> {
    let group = row_group(key);
    for (place, version) in rows::versions_until(db, key, at)?.iter().enumerate() {
        let is_needed = place == 0 && version.value.is_some();
        if !is_needed {
            remove_pieces(batch, &row_stem(&group, version.revision), version.pieces());
        }
    }
    Ok(())
}

fn forget_entry(batch: &mut Batch, entry: &LogEntry) {
    remove_pieces(batch, &log_stem(entry.revision), piece_count(entry.record_bytes));
}

fn remove_pieces(batch: &mut Batch, stem: &[u8], pieces: usize) {
    for number in 0..pieces {
        batch.remove(piece_place(stem, number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{commit::Write, embedded::group::Group, engine::Transaction};

    fn key(number: usize) -> Key {
        Key::builder(1).u64(number as u64).finish()
    }

    fn apply(db: &sled::Db, last: Revision, writes: Vec<Write>) -> Revision {
        let mut group = Group::new(db, last);
        let last = group.add(Transaction { preconditions: vec![], writes }).expect("applies");
        db.apply_batch(group.finish().0).expect("applies");
        last
    }

    #[test]
    fn many_steps_leave_only_what_is_alive() {
        let db = sled::Config::new().temporary(true).open().expect("opens");
        let mut last = Revision::ZERO;
        let large = vec![7; 10_000];
        for number in 0..1500 {
            let value = if number % 10 == 0 { large.clone() } else { vec![] };
            last = apply(&db, last, vec![Write::Put(key(number % 40), value.into())]);
        }
        let half = (0..20).map(|number| Write::Delete(key(number))).collect();
        last = apply(&db, last, half);

        let (mut oldest, mut steps) = (Revision::ZERO, 0);
        while oldest < last {
            let step = plan(&db, oldest, last).expect("plans");
            assert!(step.oldest > oldest, "every step gets on");
            db.apply_batch(step.batch).expect("applies");
            (oldest, steps) = (step.oldest, steps + 1);
        }
        assert!(steps > 1);
        // Twenty rows, two of them in three pieces; and the fact of how far this came.
        assert_eq!(db.len(), 20 + 2 * 2 + 1);
    }
}
