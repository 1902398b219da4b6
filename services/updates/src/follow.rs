//! Keeps the copy of registry's groups current.
//!
//! Owns: taking over what one watch of all groups tells.
//! Always holds: the service is held back from serving only until a first snapshot was ever taken over; after that it
//! serves from its copy, however old, and says how old.
//! Absent on purpose: a kept resume token. The snapshot of all groups is small, what equals the copy is not written again,
//! and a start that reads everything mends whatever went wrong before. What is kept is which life of registry the copy is
//! of.

use rpc::watch::epoch;
use runtime::follow::{Position, Sink, Start, Tally};

use crate::{
    error::Error,
    service::groups::{GroupChange, Groups},
};

/// The sibling's name in health, metrics and AcceptSnapshot.
pub(crate) const REGISTRY: &str = "registry";

/// What takes in registry's groups.
pub(crate) struct GroupSink {
    /// What is kept current.
    pub(crate) groups: Groups,
    /// A token of the life of registry that the copy is of; empty when that is not known.
    pub(crate) copy_of: String,
}

impl Sink for GroupSink {
    type Event = GroupChange;
    type Error = Error;

    fn start(&self) -> Start {
        Start { resume_token: String::new(), copy_of: self.copy_of.clone() }
    }

    fn name(change: &GroupChange) -> String {
        match change {
            GroupChange::Is(group) => group.name.to_string(),
            GroupChange::Purged(name) => name.to_string(),
        }
    }

    async fn held(&mut self, tally: &mut Tally) -> Result<(), Error> {
        for name in self.groups.live().await? {
            tally.holds("groups", name.to_string());
        }
        Ok(())
    }

    async fn reset(&mut self, all: &[GroupChange], at: &Position<'_>) -> Result<(), Error> {
        let groups: Vec<_> = all
            .iter()
            .filter_map(|change| match change {
                GroupChange::Is(group) => Some(group.clone()),
                GroupChange::Purged(_) => None,
            })
            .collect();
        let is_new = self.copy_of.is_empty() || epoch(&self.copy_of) != epoch(at.token);
        self.groups.replace(&groups, is_new.then_some(at.token)).await?;
        if is_new {
            at.token.clone_into(&mut self.copy_of);
        }
        self.groups.hear(at.now);
        Ok(())
    }

    async fn apply(&mut self, commit: &[GroupChange], at: &Position<'_>) -> Result<(), Error> {
        for change in commit {
            self.groups.change(change.clone()).await?;
        }
        self.groups.hear(at.now);
        Ok(())
    }

    async fn alive(&mut self, at: &Position<'_>) {
        self.groups.hear(at.now);
    }
}
