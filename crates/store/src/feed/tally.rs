//! How many commits there were, and at which revision.
//!
//! Owns a count of the commits that this handle was fed, with a mark at every so many-th of them. What always holds:
//! retention by number counts commits; the distance of two revisions is never taken for a number of commits, for revisions
//! may be sparse and others may use them, too.

use std::collections::VecDeque;

use crate::revision::Revision;

/// Marks within the number that is kept: history is trimmed to within 1/128 of it.
const MARKS_PER_KEPT: u32 = 128;

/// Commits, counted.
pub(super) struct Tally {
    /// The most that are kept.
    kept: u64,
    /// Commits from one mark to the next.
    stride: u64,
    count: u64,
    /// Revisions, with how many commits had been counted then; the first is where counting began, or as far back as
    /// anybody may still ask.
    marks: VecDeque<(Revision, u64)>,
}

impl Tally {
    /// Counts for a store that keeps at most `kept` commits.
    pub(super) fn new(kept: u32) -> Tally {
        let stride = u64::from((kept / MARKS_PER_KEPT).max(1));
        Tally {
            kept: u64::from(kept),
            stride,
            count: 0,
            marks: VecDeque::from([Default::default()]),
        }
    }

    /// Counts from here on.
    pub(super) fn begin(&mut self, at: Revision) {
        self.marks = VecDeque::from([(at, self.count)]);
    }

    pub(super) fn count(&mut self, commit: Revision) {
        self.count += 1;
        if self.count.is_multiple_of(self.stride) {
            self.marks.push_back((commit, self.count));
        }
    }

    /// How many commits were counted.
    pub(super) fn counted(&self) -> u64 {
        self.count
    }

    /// A revision after which there are as many commits as are kept, or a few less; if there are not so many, where
    /// counting began. Forgets what is before it.
    pub(super) fn oldest_kept(&mut self) -> Revision {
        while self.marks.len() > 1 && self.marks.front().is_some_and(|mark| self.is_beyond(*mark)) {
            self.marks.pop_front();
        }
        self.marks.front().map_or(Revision::ZERO, |(revision, _)| *revision)
    }

    fn is_beyond(&self, (_, counted): (Revision, u64)) -> bool {
        self.count - counted > self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_counted_and_not_the_revisions_between_them() {
        let mut tally = Tally::new(100);
        tally.begin(Revision::new(7));
        assert_eq!(tally.oldest_kept(), Revision::new(7));
        for number in 1..=100 {
            tally.count(Revision::new(number * 1_000));
        }
        assert_eq!(tally.oldest_kept(), Revision::new(7), "there are not too many yet");
        for number in 101..=250 {
            tally.count(Revision::new(number * 1_000));
        }
        assert_eq!(tally.oldest_kept(), Revision::new(150_000));
        assert_eq!((tally.counted(), tally.marks.len()), (250, 101));
    }

    #[test]
    fn many_commits_take_few_marks_and_are_kept_to_within_a_hundredth() {
        let mut tally = Tally::new(100_000);
        let mut most = 0;
        for number in 1..=1_000_000 {
            tally.count(Revision::new(number));
            if number % 10_000 == 0 {
                let oldest = tally.oldest_kept().get();
                assert!(number - oldest <= 100_000, "{number}: {oldest}");
                assert!(number - oldest > 99_000 || oldest == 0, "{number}: {oldest}");
                most = most.max(tally.marks.len());
            }
        }
        assert!(most < 150, "{most}");
    }
}
