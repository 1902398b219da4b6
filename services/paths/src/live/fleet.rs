//! Every connector that the configuration knows, live. It outlives snapshots of the configuration.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::Timestamp;
use names::AppConnectorName;

use super::connector::ConnectorLive;
use crate::domain::reporting::numbers::Presence;

/// Every connector that the configuration knows, live.
#[derive(Debug, Default)]
pub struct Fleet {
    connectors: RwLock<HashMap<AppConnectorName, Arc<ConnectorLive>>>,
}

impl Fleet {
    /// The connector, made when it is new.
    #[must_use]
    pub fn connector(&self, name: &AppConnectorName) -> Arc<ConnectorLive> {
        let known = self.connectors.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = known.get(name) {
            return live.clone();
        }
        drop(known);
        let mut all = self.connectors.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(name.clone()).or_default().clone()
    }

    /// Forgets connectors that the configuration no longer knows.
    pub fn retain(&self, keep: impl Fn(&AppConnectorName) -> bool) {
        let mut all = self.connectors.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|name, _| keep(name));
    }

    /// Every connector.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<ConnectorLive>> {
        let all = self.connectors.read().unwrap_or_else(PoisonError::into_inner);
        all.values().cloned().collect()
    }

    /// How many are connected now, and how many are known.
    #[must_use]
    pub fn count(&self, now: Timestamp) -> (usize, usize) {
        let all = self.connectors.read().unwrap_or_else(PoisonError::into_inner);
        let connected =
            all.values().filter(|live| live.presence(now) == Presence::Connected).count();
        (connected, all.len())
    }
}
