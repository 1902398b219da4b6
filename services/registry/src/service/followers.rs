//! Who answers from what the registry tells, and how far they have come.
//!
//! Owns: the followers that watch now, what each has applied, and how long a write waits for them. Always holds: a write
//! waits only for followers whose watch is open, and at most [`SETTLE_LIMIT`]; one that was too late holds up nobody again
//! until it has caught up. Absent on purpose: anything kept. A follower is known by its open watch and by nothing else.
//!
//! ## Design notes
//! A service that answers from a copy is behind by the way of one event. For what is added that is soon enough; for what is
//! taken out of service it is not: whoever disables a group must not see it chosen afterwards. So the writer of a
//! withdrawal waits, and readers pay nothing. The other choices: a read of registry in each question, which ties paths to
//! registry; or a revision in each question, which asks every service edge to know of the administrator's write.
//! What it costs: a withdrawal takes as long as the slowest follower, bounded. What it does not promise: a follower that is
//! cut off from registry goes on answering from its copy, and says how old that is.

use std::{collections::BTreeMap, time::Duration};

use store::Revision;
use tokio::sync::watch;
use uuid::Uuid;

/// Longest that a write waits: far above the way of an event on a healthy network, far below the patience of a person.
pub(crate) const SETTLE_LIMIT: Duration = Duration::from_secs(1);

/// The followers that watch now; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followers(watch::Sender<BTreeMap<Uuid, Position>>);

/// How far one follower has come.
#[derive(Clone, Debug, Default)]
struct Position {
    applied: Revision,
    /// Open watches: a follower that reconnects may have two for a moment.
    watches: usize,
    /// What it was too late for; until it has applied that, nobody waits for it.
    missed: Option<Revision>,
}

impl Position {
    fn holds_up(&self, revision: Revision) -> bool {
        let catching_up = self.missed.is_some_and(|missed| self.applied < missed);
        self.applied < revision && !catching_up
    }
}

/// A follower's open watch. Dropping it ends the waiting for it.
#[derive(Debug)]
pub(crate) struct Following {
    followers: Followers,
    id: Uuid,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.followers.0.send_modify(|all| {
            if let Some(position) = all.get_mut(&self.id) {
                position.watches -= 1;
                if position.watches == 0 {
                    all.remove(&self.id);
                }
            }
        });
    }
}

impl Followers {
    /// A follower's watch begins.
    pub(crate) fn follow(&self, id: Uuid) -> Following {
        self.0.send_modify(|all| all.entry(id).or_default().watches += 1);
        Following { followers: self.clone(), id }
    }

    /// A follower's answers rest on everything up to `revision`.
    pub(crate) fn confirm(&self, id: Uuid, revision: Revision) {
        self.0.send_if_modified(|all| match all.get_mut(&id) {
            Some(position) if position.applied < revision => {
                position.applied = revision;
                true
            }
            _ => false,
        });
    }

    /// Waits until the answers of every follower rest on `revision`; false if one was too late.
    pub(crate) async fn settle(&self, revision: Revision) -> bool {
        let mut seen = self.0.subscribe();
        let settled = seen.wait_for(|all| !all.values().any(|one| one.holds_up(revision)));
        if tokio::time::timeout(SETTLE_LIMIT, settled).await.is_ok() {
            return true;
        }
        self.0.send_modify(|all| {
            for late in all.values_mut().filter(|one| one.holds_up(revision)) {
                late.missed = Some(revision);
            }
        });
        false
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const PATHS: Uuid = Uuid::from_u128(1);
    const REPLICA: Uuid = Uuid::from_u128(2);

    fn at(revision: i64) -> Revision {
        Revision::new(revision)
    }

    /// What is known of a settling without waiting.
    fn now(followers: &Followers, revision: i64) -> Option<bool> {
        followers.settle(at(revision)).now_or_never()
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_waits_for_every_follower_that_watches_and_for_no_other() {
        let followers = Followers::default();
        assert_eq!(now(&followers, 7), Some(true), "nobody follows");
        let (_paths, replica) = (followers.follow(PATHS), followers.follow(REPLICA));
        followers.confirm(PATHS, at(7));
        assert_eq!(now(&followers, 7), None, "the replica has not applied it");
        followers.confirm(REPLICA, at(6));
        assert_eq!(now(&followers, 7), None, "nor with this");
        drop(replica);
        assert_eq!(now(&followers, 7), Some(true), "the replica has gone");
        followers.confirm(REPLICA, at(9));
        assert_eq!(now(&followers, 8), None, "who does not watch confirms nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_waits_is_released_by_the_last_confirmation() {
        let followers = Followers::default();
        let _following = (followers.follow(PATHS), followers.follow(REPLICA));
        let settling = followers.settle(at(7));
        let confirming = async {
            followers.confirm(PATHS, at(8));
            tokio::task::yield_now().await;
            followers.confirm(REPLICA, at(7));
        };
        assert!(tokio::join!(settling, confirming).0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_follower_that_was_too_late_holds_up_nobody_until_it_has_caught_up() {
        let followers = Followers::default();
        let _following = followers.follow(PATHS);
        let start = tokio::time::Instant::now();
        assert!(!followers.settle(at(7)).await);
        assert_eq!(start.elapsed(), SETTLE_LIMIT);
        assert_eq!(now(&followers, 8), Some(true), "it is not waited for again");
        followers.confirm(PATHS, at(6));
        assert_eq!(now(&followers, 8), Some(true), "it is still behind");
        followers.confirm(PATHS, at(7));
        assert_eq!(now(&followers, 8), None, "it has caught up and counts again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_follower_that_reconnects_counts_once_and_leaves_with_its_last_watch() {
        let followers = Followers::default();
        let (old, new) = (followers.follow(PATHS), followers.follow(PATHS));
        drop(old);
        assert_eq!(now(&followers, 7), None);
        drop(new);
        assert_eq!(now(&followers, 7), Some(true));
    }
}
