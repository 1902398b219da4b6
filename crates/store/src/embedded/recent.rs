//! The latest commits in memory, for watchers that keep up.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{engine::LoggedCommit, revision::Revision};

/// Most commits kept: at ten thousand a second, a tenth of a second's worth.
const MAX_COMMITS: usize = 1024;

/// Most bytes of keys and values kept: 8 MiB.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A bounded stretch of history that ends with the latest commit. Whoever needs older commits
/// reads them from disk.
#[derive(Default)]
pub(super) struct Recent {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    commits: VecDeque<Arc<LoggedCommit>>,
    bytes: usize,
}

impl Recent {
    /// Appends the commits of a group, in order.
    pub(super) fn extend(&self, commits: impl IntoIterator<Item = LoggedCommit>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for commit in commits {
            inner.bytes += weight(&commit);
            inner.commits.push_back(Arc::new(commit));
        }
        while inner.commits.len() > MAX_COMMITS || inner.bytes > MAX_BYTES {
            let Some(oldest) = inner.commits.pop_front() else {
                break;
            };
            inner.bytes -= weight(&oldest);
        }
    }

    /// The commits after `after` up to `until`, at most `limit`; nothing if the first of them is
    /// no longer here.
    pub(super) fn after(
        &self,
        after: Revision,
        until: Revision,
        limit: usize,
    ) -> Option<Vec<Arc<LoggedCommit>>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.commits.front()?.revision > after.next() {
            return None;
        }
        let from = inner.commits.partition_point(|commit| commit.revision <= after);
        let wanted = inner.commits.range(from..).take_while(|commit| commit.revision <= until);
        Some(wanted.take(limit).cloned().collect())
    }
}

fn weight(commit: &LoggedCommit) -> usize {
    let length = |value: &Option<bytes::Bytes>| value.as_ref().map_or(0, bytes::Bytes::len);
    let of_change = |change: &crate::engine::Change| {
        change.key.as_bytes().len() + length(&change.before) + length(&change.after)
    };
    commit.changes.iter().map(of_change).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commits(numbers: std::ops::RangeInclusive<i64>) -> impl Iterator<Item = LoggedCommit> {
        numbers.map(|number| LoggedCommit { revision: Revision::new(number), changes: vec![] })
    }

    fn numbers(recent: &Recent, after: i64, until: i64, limit: usize) -> Option<Vec<i64>> {
        let found = recent.after(Revision::new(after), Revision::new(until), limit)?;
        Some(found.iter().map(|commit| commit.revision.get()).collect())
    }

    #[test]
    fn what_is_asked_for_comes_in_order_and_what_is_gone_is_not_guessed() {
        let recent = Recent::default();
        assert_eq!(numbers(&recent, 0, 9, 9), None);
        recent.extend(commits(5..=8));
        assert_eq!(numbers(&recent, 3, 9, 9), None);
        assert_eq!(numbers(&recent, 4, 9, 9), Some(vec![5, 6, 7, 8]));
        assert_eq!(numbers(&recent, 5, 7, 9), Some(vec![6, 7]));
        assert_eq!(numbers(&recent, 5, 9, 1), Some(vec![6]));
        assert_eq!(numbers(&recent, 8, 9, 9), Some(vec![]));
    }

    #[test]
    fn old_commits_leave_when_there_are_too_many() {
        let recent = Recent::default();
        recent.extend(commits(1..=MAX_COMMITS as i64 + 10));
        assert_eq!(numbers(&recent, 9, i64::MAX, 1), None);
        assert_eq!(numbers(&recent, 10, i64::MAX, 1), Some(vec![11]));
    }
}
