//! Whether a snapshot may be taken without asking anybody.
//!
//! Owns: the comparison of what is held with what a snapshot names, and the decision that follows from it, as pure functions.
//! Always holds: who holds nothing takes whatever comes; an object that the snapshot names is not missing, a soft-deleted
//! one neither, because its deletion is named.
//! Absent on purpose: commits. What a commit takes away it names.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Missing objects of a kind up to which a snapshot is taken whatever their share: so many are deleted and purged while a
/// follower is away, and so many are written anew by hand.
pub(super) const MAX_MISSING: usize = 10;
/// Missing objects of a kind, in percent of those held, up to which a snapshot is taken.
pub(super) const MAX_MISSING_PERCENT: usize = 20;

/// Compares what is held with what a snapshot names.
#[derive(Debug, Default)]
pub struct Tally {
    /// Names of all objects in the snapshot.
    offered: HashSet<String>,
    lacks: Lacks,
}

/// What a snapshot lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lacks {
    kinds: BTreeMap<&'static str, Lack>,
    /// Something rests on the source that has no name there.
    rests: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lack {
    held: usize,
    missing: BTreeSet<String>,
}

/// How many objects of a kind a snapshot lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// The kind, as a plural: `connectors`.
    pub kind: &'static str,
    /// How many are held.
    pub held: usize,
    /// How many of them are neither in the snapshot nor named by what came after it.
    pub missing: usize,
}

impl Tally {
    pub(super) fn of(offered: impl IntoIterator<Item = String>) -> Self {
        Self { offered: offered.into_iter().collect(), lacks: Lacks::default() }
    }

    /// An object that is held and lives.
    pub fn holds(&mut self, kind: &'static str, name: impl Into<String>) {
        let lack = self.lacks.kinds.entry(kind).or_default();
        lack.held += 1;
        let name = name.into();
        if !self.offered.contains(&name) {
            lack.missing.insert(name);
        }
    }

    /// Something that cannot be undone rests on what the source told, though none of its objects is held: then another
    /// life of the source is not taken blindly either.
    pub fn rests_on_source(&mut self) {
        self.lacks.rests = true;
    }

    pub(super) fn finish(self) -> Lacks {
        self.lacks
    }
}

impl Lacks {
    /// Whether the snapshot may be taken without asking anybody. `is_other_life`: the source was restored or made anew since
    /// the copy was taken, so it may tell an older state, with nothing missing and yet with withdrawals undone.
    pub(super) fn allow(&self, is_other_life: bool) -> bool {
        let holds = self.rests || self.kinds.values().any(|lack| lack.held > 0);
        let is_too_much = self.kinds.values().any(Lack::is_too_much);
        !(is_too_much || is_other_life && holds)
    }

    /// A commit after the snapshot is about this object: it is back, or its deletion is named.
    pub(super) fn explain(&mut self, name: &str) {
        for lack in self.kinds.values_mut() {
            lack.missing.remove(name);
        }
    }

    /// The kinds of which something is missing.
    pub(super) fn shortfalls(&self) -> Vec<Shortfall> {
        let all = self.kinds.iter().map(|(kind, lack)| Shortfall {
            kind,
            held: lack.held,
            missing: lack.missing.len(),
        });
        all.filter(|shortfall| shortfall.missing > 0).collect()
    }
}

impl Lack {
    fn is_too_much(&self) -> bool {
        let missing = self.missing.len();
        missing > MAX_MISSING
            && missing.saturating_mul(100) > self.held.saturating_mul(MAX_MISSING_PERCENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of each kind so many are held, and so many of these are missing.
    fn lacks(kinds: &[(&'static str, usize, usize)]) -> Lacks {
        let offered = kinds.iter().flat_map(|&(kind, held, missing)| {
            (missing..held).map(move |number| format!("{kind}/{number}"))
        });
        let mut tally = Tally::of(offered);
        for &(kind, held, _) in kinds {
            (0..held).for_each(|number| tally.holds(kind, format!("{kind}/{number}")));
        }
        tally.finish()
    }

    #[test]
    fn a_snapshot_is_refused_that_lacks_more_than_ten_and_more_than_a_fifth_of_a_kind() {
        for (kinds, allowed) in [
            (&[][..], true),
            (&[("connectors", 0, 0)], true),
            // All of them, but no more than ten.
            (&[("connectors", 10, 10)], true),
            (&[("connectors", 11, 11)], false),
            // A fifth exactly, and one more than that.
            (&[("groups", 55, 11)], true),
            (&[("groups", 54, 11)], false),
            (&[("groups", 1_000, 200)], true),
            (&[("groups", 1_000, 201)], false),
            (&[("keys", 1_000, 0)], true),
            // Kinds do not make up for one another.
            (&[("connectors", 10_000, 0), ("groups", 20, 11)], false),
            (&[("connectors", 8, 8), ("groups", 8, 8)], true),
        ] {
            assert_eq!(lacks(kinds).allow(false), allowed, "{kinds:?}");
        }
    }

    #[test]
    fn another_life_is_refused_by_who_holds_anything_and_taken_by_who_holds_nothing() {
        assert!(lacks(&[]).allow(true));
        assert!(lacks(&[("connectors", 0, 0)]).allow(true));
        assert!(
            !lacks(&[("connectors", 1, 0)]).allow(true),
            "nothing is missing, but it may be older"
        );
        let mut resting = Tally::of([]);
        resting.rests_on_source();
        let resting = resting.finish();
        assert!(resting.allow(false) && !resting.allow(true));
    }

    #[test]
    fn what_a_later_commit_names_is_no_longer_missing() {
        let mut lacks = lacks(&[("connectors", 20, 12)]);
        assert_eq!(lacks.shortfalls(), [Shortfall { kind: "connectors", held: 20, missing: 12 }]);
        lacks.explain("connectors/0");
        lacks.explain("connectors/19");
        assert!(!lacks.allow(false), "eleven of twenty are still missing");
        lacks.explain("connectors/1");
        assert!(lacks.allow(false));
    }
}
