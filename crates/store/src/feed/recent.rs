//! The latest commits in memory, for watchers that keep up.
//!
//! Owns a bounded stretch of history without a hole. What always holds: what is asked for and lies in the stretch is given
//! whole and in order, and of what does not lie in it nothing is guessed. Revisions may be sparse: the stretch knows after
//! which revision it begins and up to which it reaches, whatever lies between its commits.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    log::{LogPage, LoggedCommit},
    revision::Revision,
};

/// Most commits kept: at ten thousand a second, a tenth of a second's worth.
const MAX_COMMITS: usize = 1024;

/// Most bytes of keys and values kept: 8 MiB.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Most commits of one page: what one watcher takes before the others have their turn.
const PAGE_COMMITS: usize = 256;

/// A bounded stretch of history that ends with the latest commit. Whoever needs older commits
/// asks the engine.
#[derive(Default)]
pub(super) struct Recent {
    commits: VecDeque<Arc<LoggedCommit>>,
    bytes: usize,
    /// Every commit after this revision, up to `through`, is here.
    after: Revision,
    through: Revision,
}

impl Recent {
    /// Begins anew with an empty stretch at a revision: what lies before is not here. Nothing is lost to a revision that
    /// the stretch reaches already.
    pub(super) fn restart(&mut self, at: Revision) {
        if at > self.through {
            *self = Recent { after: at, through: at, ..Recent::default() };
        }
    }

    /// Appends commits, in order, that are all there are up to `through`, and gives those that are new: a source that was
    /// changed for one that is behind begins with what is here already.
    pub(super) fn extend<'a>(
        &mut self,
        commits: &'a [Arc<LoggedCommit>],
        through: Revision,
    ) -> &'a [Arc<LoggedCommit>] {
        let known = commits.partition_point(|commit| commit.revision <= self.through);
        let commits = &commits[known..];
        self.bytes += commits.iter().map(|commit| weight(commit)).sum::<usize>();
        self.commits.extend(commits.iter().cloned());
        self.through = self.through.max(through);
        while self.commits.len() > MAX_COMMITS || self.bytes > MAX_BYTES {
            let Some(oldest) = self.commits.pop_front() else {
                break;
            };
            self.bytes -= weight(&oldest);
            self.after = oldest.revision;
        }
        commits
    }

    /// The commits after `after` up to `until`, as many as one page holds; nothing if they are not all here.
    pub(super) fn page(&self, after: Revision, until: Revision) -> Option<LogPage> {
        if after < self.after {
            return None;
        }
        let from = self.commits.partition_point(|commit| commit.revision <= after);
        let wanted = self.commits.range(from..).take_while(|commit| commit.revision <= until);
        let commits: Vec<_> = wanted.take(PAGE_COMMITS).cloned().collect();
        let through = match commits.last() {
            Some(last) if commits.len() == PAGE_COMMITS => last.revision,
            _ => until.min(self.through),
        };
        Some(LogPage { commits, through })
    }
}

fn weight(commit: &LoggedCommit) -> usize {
    let length = |value: &Option<bytes::Bytes>| value.as_ref().map_or(0, bytes::Bytes::len);
    let of_change = |change: &crate::log::Change| {
        change.key.as_bytes().len() + length(&change.before) + length(&change.after)
    };
    commit.changes.iter().map(of_change).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commits(numbers: impl IntoIterator<Item = i64>) -> Vec<Arc<LoggedCommit>> {
        let commit = |number| LoggedCommit { revision: Revision::new(number), changes: vec![] };
        numbers.into_iter().map(|number| Arc::new(commit(number))).collect()
    }

    /// The revisions of a page, and how far it reaches.
    fn page(recent: &Recent, after: i64, until: i64) -> Option<(Vec<i64>, i64)> {
        let page = recent.page(Revision::new(after), Revision::new(until))?;
        let revisions = page.commits.iter().map(|commit| commit.revision.get()).collect();
        Some((revisions, page.through.get()))
    }

    #[test]
    fn what_is_asked_for_comes_in_order_and_what_is_gone_is_not_guessed() {
        let mut recent = Recent::default();
        recent.restart(Revision::new(4));
        assert_eq!(page(&recent, 3, 9), None);
        assert_eq!(page(&recent, 4, 9), Some((vec![], 4)));
        recent.extend(&commits(5..=8), Revision::new(8));
        assert_eq!(page(&recent, 3, 9), None);
        assert_eq!(page(&recent, 4, 9), Some((vec![5, 6, 7, 8], 8)));
        assert_eq!(page(&recent, 5, 7), Some((vec![6, 7], 7)));
        assert_eq!(page(&recent, 8, 9), Some((vec![], 8)));
    }

    #[test]
    fn a_stretch_with_few_commits_covers_the_revisions_between_them() {
        let mut recent = Recent::default();
        recent.restart(Revision::new(100));
        recent.extend(&commits([250, 900]), Revision::new(1_000));
        assert_eq!(page(&recent, 100, 1_000), Some((vec![250, 900], 1_000)));
        assert_eq!(page(&recent, 180, 500), Some((vec![250], 500)));
        assert_eq!(page(&recent, 950, 1_000), Some((vec![], 1_000)));
        assert_eq!(page(&recent, 99, 1_000), None, "what was between 99 and 100 is not known");
        recent.restart(Revision::new(5_000));
        assert_eq!(page(&recent, 4_999, 5_000), None, "there is a hole behind it");
        assert_eq!(page(&recent, 5_000, 5_000), Some((vec![], 5_000)));
    }

    #[test]
    fn a_source_that_is_behind_repeats_nothing_and_takes_nothing_back() {
        let mut recent = Recent::default();
        recent.restart(Revision::new(4));
        recent.extend(&commits([6, 8]), Revision::new(9));
        recent.restart(Revision::new(5));
        assert!(recent.extend(&commits([6]), Revision::new(7)).is_empty());
        assert_eq!(page(&recent, 4, 9), Some((vec![6, 8], 9)));
        let again = commits([8, 9, 12]);
        assert_eq!(recent.extend(&again, Revision::new(12)), &again[2..]);
        assert_eq!(page(&recent, 4, 12), Some((vec![6, 8, 12], 12)));
    }

    #[test]
    fn old_commits_leave_when_there_are_too_many() {
        let mut recent = Recent::default();
        let last = (MAX_COMMITS as i64 + 10) * 3;
        recent.extend(&commits((3..=last).step_by(3)), Revision::new(last));
        assert_eq!(page(&recent, 29, i64::MAX), None);
        let (revisions, through) = page(&recent, 30, i64::MAX).expect("all are here");
        assert_eq!((revisions.len(), revisions[0]), (PAGE_COMMITS, 33));
        assert_eq!(through, revisions[PAGE_COMMITS - 1], "a full page reaches to its last commit");
    }
}
