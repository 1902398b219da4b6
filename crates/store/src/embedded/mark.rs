//! The high-water mark: which store this directory holds, and how far it had come.
//!
//! sled takes damage in the middle of its log for a torn end and silently forgets what follows,
//! and an empty directory for a new store. The mark stands in a file outside sled and says how
//! far the store had come, so that both are noticed when it is opened.
//!
//! What always holds: the mark never names a commit that is not durable. It is written after the
//! commit's sync and reaches the disk with the next one, so after a power cut it may lag behind
//! by a group, but it never runs ahead. Two slots are written in turn; one torn write leaves the
//! other.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::Path,
};

use crate::revision::{Epoch, Revision};

const FILE: &str = "mark";

/// Slots lie in different sectors, so that a torn write hurts one at most.
const SLOT_SPACING: u64 = 512;
const SLOTS: u64 = 2;

const EPOCH_BYTES: usize = 16;
const REVISION_BYTES: usize = 8;
const SUM_BYTES: usize = 16;
const FACTS_BYTES: usize = EPOCH_BYTES + REVISION_BYTES;
const SLOT_BYTES: usize = FACTS_BYTES + SUM_BYTES;

/// An open mark, which the writer moves.
pub(super) struct Mark {
    file: File,
    epoch: Epoch,
    writes: u64,
}

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) epoch: Epoch,
    pub(super) revision: Revision,
}

impl Mark {
    /// Reads the mark of a directory; none if it never held a store.
    pub(super) fn read(dir: &Path) -> Result<Option<Marked>, String> {
        let file = match File::open(dir.join(FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("its `{FILE}` file cannot be read: {error}")),
        };
        let slots = (0..SLOTS).filter_map(|slot| read_slot(&file, slot));
        match slots.max_by_key(|marked| marked.revision) {
            Some(marked) => Ok(Some(marked)),
            None => Err(format!("its `{FILE}` file is unreadable")),
        }
    }

    /// Makes the mark of a new directory; durable with the next sync of the file system.
    pub(super) fn create(dir: &Path, marked: Marked) -> io::Result<()> {
        let unfinished = dir.join(format!("{FILE}.new"));
        let mut bytes = vec![0; (SLOT_SPACING * SLOTS) as usize];
        bytes[..SLOT_BYTES].copy_from_slice(&slot_of(marked));
        fs::write(&unfinished, bytes)?;
        fs::rename(&unfinished, dir.join(FILE))
    }

    /// Opens the mark for moving.
    pub(super) fn open(dir: &Path, epoch: Epoch) -> io::Result<Mark> {
        let file = File::options().write(true).open(dir.join(FILE))?;
        Ok(Mark { file, epoch, writes: 0 })
    }

    /// Moves the mark to a revision that is durable.
    pub(super) fn advance(&mut self, revision: Revision) -> io::Result<()> {
        let slot = slot_of(Marked { epoch: self.epoch, revision });
        let place = SLOT_SPACING * (self.writes % SLOTS);
        self.writes += 1;
        self.file.write_all_at(&slot, place)
    }
}

fn slot_of(marked: Marked) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..EPOCH_BYTES].copy_from_slice(marked.epoch.as_bytes());
    slot[EPOCH_BYTES..FACTS_BYTES].copy_from_slice(&marked.revision.get().to_be_bytes());
    let sum = blake3::hash(&slot[..FACTS_BYTES]);
    slot[FACTS_BYTES..].copy_from_slice(&sum.as_bytes()[..SUM_BYTES]);
    slot
}

fn read_slot(file: &File, number: u64) -> Option<Marked> {
    let mut slot = [0; SLOT_BYTES];
    file.read_exact_at(&mut slot, number * SLOT_SPACING).ok()?;
    let (epoch, rest) = slot.split_first_chunk::<EPOCH_BYTES>()?;
    let (revision, _) = rest.split_first_chunk::<REVISION_BYTES>()?;
    let epoch = Epoch::from_bytes(*epoch);
    let marked = Marked { epoch, revision: Revision::new(i64::from_be_bytes(*revision)) };
    (slot_of(marked) == slot).then_some(marked)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Epoch = Epoch::from_bytes([5; 16]);

    fn at(revision: i64) -> Marked {
        Marked { epoch: EPOCH, revision: Revision::new(revision) }
    }

    #[test]
    fn the_latest_mark_is_read_and_a_torn_one_leaves_the_one_before() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(Mark::read(dir.path()), Ok(None));
        Mark::create(dir.path(), at(0)).expect("creates");
        assert_eq!(Mark::read(dir.path()), Ok(Some(at(0))));
        let mut mark = Mark::open(dir.path(), EPOCH).expect("opens");
        for revision in 1..=4 {
            mark.advance(Revision::new(revision)).expect("moves");
            assert_eq!(Mark::read(dir.path()), Ok(Some(at(revision))));
        }
        let mut bytes = fs::read(dir.path().join(FILE)).expect("reads");
        bytes[SLOT_SPACING as usize + 3] ^= 1;
        fs::write(dir.path().join(FILE), &bytes).expect("writes");
        assert_eq!(Mark::read(dir.path()), Ok(Some(at(3))));
        bytes[0] ^= 1;
        fs::write(dir.path().join(FILE), &bytes).expect("writes");
        assert!(Mark::read(dir.path()).is_err());
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;

    #[test]
    fn any_bytes_are_a_mark_with_a_right_sum_or_unreadable() {
        let dir = tempfile::tempdir().unwrap();
        let marked = |revision| Marked {
            epoch: Epoch::from_bytes([5; 16]),
            revision: Revision::new(revision),
        };
        Mark::create(dir.path(), marked(7)).unwrap();
        let one = fs::read(dir.path().join(FILE)).unwrap();
        let both = [&slot_of(marked(7))[..], &[0; 472], &slot_of(marked(8)), &[0; 472]].concat();
        trial::target!("marks").with(one).with(both).costs(4).run(|input| {
            fs::write(dir.path().join(FILE), input).unwrap();
            let read = Mark::read(dir.path());
            let read = read.map(|marked| marked.expect("the file is there"));
            if let Ok(marked) = read {
                let slot = slot_of(marked);
                let at = |place: usize| input.get(place..place + SLOT_BYTES);
                let is_there = [0, SLOT_SPACING as usize].into_iter().any(|p| at(p) == Some(&slot));
                assert!(is_there, "{marked:?} stands nowhere");
            }
            read
        });
    }
}
