//! Whose certificates no longer count.
//!
//! Always holds: a name or serial number that was denied is refused from the next request on, on open connections too.
//! Absent on purpose: where denials come from (registry's and provisioning's watches, kept by each service).

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

use names::{AppConnectorName, Workload};

use crate::peer::PeerIdentity;

/// Denied names and serial numbers; clones share one list.
///
/// Names are of deleted and disabled connectors; serials of revoked certificates. 100,000 of
/// each are about 15 MB.
#[derive(Clone, Debug, Default)]
pub struct DenyList(Arc<RwLock<Denied>>);

#[derive(Debug, Default)]
struct Denied {
    names: HashSet<AppConnectorName>,
    serials: HashSet<Vec<u8>>,
}

impl DenyList {
    /// Denies nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses every certificate of a connector.
    pub fn deny_name(&self, name: AppConnectorName) {
        self.write(|denied| denied.names.insert(name));
    }

    /// Lets a connector in again (enabled or undeleted).
    pub fn allow_name(&self, name: &AppConnectorName) {
        self.write(|denied| denied.names.remove(name));
    }

    /// Refuses one certificate, by its serial number (big-endian bytes).
    pub fn deny_serial(&self, serial: Vec<u8>) {
        self.write(|denied| denied.serials.insert(significant(&serial).to_vec()));
    }

    /// Whether this certificate is refused.
    #[must_use]
    pub fn denies(&self, identity: &PeerIdentity) -> bool {
        // A writer cannot leave the sets half-changed, so a poisoned lock is still good.
        let denied = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let by_name = match &identity.spiffe.workload {
            Workload::AppConnector(name) => denied.names.contains(name),
            Workload::Service(_) => false,
        };
        by_name || denied.serials.contains(significant(&identity.serial))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Denied) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// DER puts a zero byte before a serial whose first bit is set; lists often drop it.
fn significant(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    &serial[zeros..]
}
