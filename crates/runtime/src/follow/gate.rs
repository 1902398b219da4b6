//! Refused snapshots, and whether they are accepted after all.
//!
//! Owns: what a follower tells of the snapshot that it refused, and the acceptance that it waits for.
//! Always holds: exactly the snapshot that was named is accepted; an acceptance stands until that snapshot is taken,
//! or another one is refused in its place; a restart forgets it and refuses anew.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::guard::Shortfall;

/// A snapshot that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The token at its end, which names it.
    pub snapshot: String,
    /// Whether the source was restored or made anew since the copy was taken.
    pub epoch_changed: bool,
    /// What it lacks.
    pub missing: Vec<Shortfall>,
    /// Since when.
    pub since: Timestamp,
}

/// Between a follower and who accepts.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(pub(super) Arc<watch::Sender<State>>);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) refused: Option<Refused>,
    accepted: bool,
}

impl Gate {
    /// A snapshot is refused; an acceptance of the one before is void.
    pub(super) fn refuse(&self, refused: Refused) {
        self.0.send_replace(State { refused: Some(refused), accepted: false });
    }

    /// What is refused was taken.
    pub(super) fn open(&self) {
        self.0.send_if_modified(|state| std::mem::take(state).refused.is_some());
    }

    /// Waits until the refused snapshot is accepted; for ever while there is none.
    pub(super) async fn accepted(&self) {
        if self.0.subscribe().wait_for(|state| state.accepted).await.is_err() {
            // Cannot end: `self` keeps the sender.
            std::future::pending::<()>().await;
        }
    }

    /// The snapshot that is refused now.
    pub(super) fn refused(&self) -> Option<Refused> {
        self.0.borrow().refused.clone()
    }

    /// Accepts a snapshot and waits until it is taken; `false` when another is refused now.
    pub(super) async fn accept(&self, snapshot: &str) -> bool {
        let names =
            |state: &State| state.refused.as_ref().is_some_and(|it| it.snapshot == snapshot);
        let mut watched = self.0.subscribe();
        let noted = self.0.send_if_modified(|state| {
            state.accepted |= names(state);
            names(state)
        });
        let decided = watched.wait_for(|state| !names(state)).await;
        noted && decided.is_ok_and(|state| state.refused.is_none())
    }
}
