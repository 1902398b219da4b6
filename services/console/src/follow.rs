//! Keeps the copies current: one watch a sibling, for as long as the process runs.
//!
//! Always holds: a copy changes by whole commits; a broken watch is told in every row until it is mended.
//! Absent on purpose: resume tokens that outlive the process, since the copies do not either.

use rpc::watch::{Follower, Source, Update};
use runtime::{Clock, health::ServiceHealth};
use tokio_util::sync::CancellationToken;

use crate::service::copy::{Copy, Index};

/// Whom to follow, by what clock, until when.
pub(crate) struct Follow<'a> {
    /// The sibling's name in health and logs.
    pub(crate) sibling: &'static str,
    /// Where time comes from.
    pub(crate) clock: &'a Clock,
    /// Where a broken watch is told, under the name `console/<sibling>`; never a part of readiness.
    pub(crate) health: &'a ServiceHealth,
    /// When to end.
    pub(crate) stop: &'a CancellationToken,
}

impl Follow<'_> {
    /// Follows a sibling's watch into a copy. `ready` is called after the first snapshot.
    pub(crate) async fn run<S, I>(self, source: S, copy: &Copy<I>, ready: impl FnOnce())
    where
        S: Source<Event = I::Change>,
        I: Index,
    {
        let Self { sibling, clock, health, stop } = self;
        // Only spreads the attempts of several replicas; the low bits of the time differ enough.
        let seed = clock.now().as_nanosecond() as u64;
        let mut follower = Follower::new(source, String::new(), seed);
        let mut ready = Some(ready);
        while let Some(update) = stop.run_until_cancelled(follower.next()).await {
            health.sibling(sibling, !matches!(update, Update::Lost(_)));
            match update {
                Update::Reset(all) => {
                    copy.reset(all, clock.now());
                    if let Some(ready) = ready.take() {
                        ready();
                    }
                }
                Update::Commit(changes) => copy.commit(changes, clock.now()),
                Update::Alive => copy.commit(Vec::new(), clock.now()),
                Update::Lost(status) => {
                    let why = status.message();
                    tracing::warn!(sibling, code = ?status.code(), "a watch broke: {why}");
                    copy.lost(format!("{sibling} cannot be followed now: {why}"));
                }
            }
        }
    }
}
