//! Which groups there are, and in which zone.
//!
//! Owns: the local copy of registry's groups and the one question to registry about a group that is missing in it.
//! Always holds: a name that is not in the copy is asked of its owner once before it counts as missing, so a schedule
//! can be read right after its group was created.
//! Absent on purpose: following registry's watch (`follow`), which only calls the verbs here.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use names::AppConnectorGroupName;
use runtime::Clock;

use crate::{clients::Registry, domain::group::Group, error::Error, store::Rows};

/// The groups this service knows.
#[derive(Clone)]
pub(crate) struct Groups {
    keeper: Rows,
    registry: Registry,
    clock: Clock,
    heard: Arc<Mutex<Option<Timestamp>>>,
}

impl Groups {
    /// Over the copy and its owner.
    #[must_use]
    pub(crate) fn new(keeper: Rows, registry: Registry, clock: Clock) -> Self {
        Self { keeper, registry, clock, heard: Arc::default() }
    }

    /// A live group.
    pub(crate) async fn find(&self, name: &AppConnectorGroupName) -> Result<Group, Error> {
        let known = match self.keeper.group(name).await? {
            Some(group) => Some(group),
            None => self
                .registry
                .group(name)
                .await
                .map_err(|failure| Error::RegistryUnavailable(Box::new(failure)))?,
        };
        known.filter(|group| !group.deleted).ok_or_else(|| Error::GroupNotFound(name.clone()))
    }

    /// When registry's watch was last heard; `None` if not since the start.
    #[must_use]
    pub(crate) fn heard(&self) -> Option<Timestamp> {
        // Nothing that could panic runs under this lock.
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registry's watch was heard, and everything it told is taken over.
    pub(crate) fn hear(&self, now: Timestamp) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// The groups of the copy that are not deleted.
    pub(crate) async fn live(&self) -> Result<Vec<AppConnectorGroupName>, Error> {
        Ok(self.keeper.live_groups().await?)
    }

    /// Takes over a whole snapshot of registry's; `token` when it is the first of a life of registry.
    pub(crate) async fn replace(&self, groups: &[Group], token: Option<&str>) -> Result<(), Error> {
        Ok(self.keeper.replace_groups(groups, token, self.clock.now()).await?)
    }

    /// Takes over one change of registry's.
    pub(crate) async fn change(&self, change: GroupChange) -> Result<(), Error> {
        let now = self.clock.now();
        match change {
            GroupChange::Is(group) => Ok(self.keeper.put_groups(&[group], now).await?),
            GroupChange::Purged(name) => Ok(self.keeper.purge_group(&name, now).await?),
        }
    }
}

/// What happened to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GroupChange {
    /// It is now like this; soft deletes included.
    Is(Group),
    /// It is gone for good.
    Purged(AppConnectorGroupName),
}
