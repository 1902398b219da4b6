//! Whose certificates no longer count.
//!
//! Owns: the deny list of a process, which several of its parts write, each with a voice of its own.
//! Always holds: a name or serial number that any voice denies is refused from the next request on, on open connections
//! too; a voice takes back or replaces only what it denied itself.
//! Absent on purpose: where denials come from (registry's and provisioning's watches, followed by each service).
//!
//! ## Design notes
//! An entry carries the voices that deny it as bits, so a look-up is one search in a hash table however many voices there
//! are, and an entry costs four bytes more than without. A voice belongs to a writer *and* its source
//! (`paths/registry`): two services of one process may follow the same sibling, and are not at the same place in its
//! stream.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
};

use names::{AppConnectorName, Workload};

use crate::peer::PeerIdentity;

/// Most voices of a process: the bits of an entry. Each follower of each hosted service has one; there are three today.
pub const MAX_VOICES: usize = u32::BITS as usize;

/// Denied names and serial numbers; clones share one list.
///
/// Names are of deleted and disabled connectors; serials of revoked certificates. 100,000 of
/// each are about 16 MB.
#[derive(Clone, Debug, Default)]
pub struct DenyList(Arc<RwLock<Denied>>);

/// The right to deny in one writer's name; clones are the same voice.
#[derive(Clone, Debug)]
pub struct Voice {
    list: DenyList,
    bit: u32,
}

#[derive(Debug, Default)]
struct Denied {
    /// The writers, each at the place of its bit.
    voices: Vec<&'static str>,
    names: Denials<AppConnectorName>,
    serials: Denials<Vec<u8>>,
}

/// What is denied, with the bits of the voices that deny it; never without any.
#[derive(Debug)]
struct Denials<T>(HashMap<T, u32>);

impl DenyList {
    /// Denies nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The voice of a writer. Asked for twice it is the same one.
    ///
    /// # Panics
    /// With more than [`MAX_VOICES`] different writers, which are names in the code.
    #[must_use]
    pub fn voice(&self, writer: &'static str) -> Voice {
        let place = self.write(|denied| {
            let known = denied.voices.iter().position(|known| *known == writer);
            known.unwrap_or_else(|| {
                denied.voices.push(writer);
                denied.voices.len() - 1
            })
        });
        assert!(place < MAX_VOICES, "a deny list has at most {MAX_VOICES} voices");
        Voice { list: self.clone(), bit: 1 << place }
    }

    /// Whether this certificate is refused, by whichever voice.
    #[must_use]
    pub fn denies(&self, identity: &PeerIdentity) -> bool {
        // A writer cannot leave the tables half-changed, so a poisoned lock is still good.
        let denied = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let by_name = match &identity.spiffe.workload {
            Workload::AppConnector(name) => denied.names.0.contains_key(name),
            Workload::Service(_) => false,
        };
        by_name || denied.serials.0.contains_key(significant(&identity.serial))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Denied) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Voice {
    /// Refuses every certificate of a connector.
    pub fn deny_name(&self, name: AppConnectorName) {
        self.list.write(|denied| denied.names.deny(name, self.bit));
    }

    /// Takes back this voice's denial of a connector (enabled or undeleted). It is let in when no other voice denies it.
    pub fn allow_name(&self, name: &AppConnectorName) {
        self.list.write(|denied| denied.names.allow(name, self.bit));
    }

    /// Denies exactly these connectors, and takes back every other name that this voice denied.
    pub fn replace_names(&self, names: HashSet<AppConnectorName>) {
        self.list.write(|denied| denied.names.replace(names, self.bit));
    }

    /// Refuses one certificate, by its serial number (big-endian bytes).
    pub fn deny_serial(&self, serial: &[u8]) {
        let serial = significant(serial).to_vec();
        self.list.write(|denied| denied.serials.deny(serial, self.bit));
    }
}

impl<T: Eq + Hash> Denials<T> {
    fn deny(&mut self, what: T, bit: u32) {
        *self.0.entry(what).or_default() |= bit;
    }

    fn allow(&mut self, what: &T, bit: u32) {
        if let Some(voices) = self.0.get_mut(what) {
            *voices &= !bit;
            if *voices == 0 {
                self.0.remove(what);
            }
        }
    }

    fn replace(&mut self, all: HashSet<T>, bit: u32) {
        self.0.retain(|what, voices| {
            if !all.contains(what) {
                *voices &= !bit;
            }
            *voices != 0
        });
        for what in all {
            self.deny(what, bit);
        }
    }
}

impl<T> Default for Denials<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// DER puts a zero byte before a serial whose first bit is set; lists often drop it.
fn significant(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    &serial[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: &str) -> AppConnectorName {
        format!("tenants/acme/appConnectors/{id}").parse().unwrap()
    }

    fn peer(id: &str) -> PeerIdentity {
        let domain = names::TrustDomain::parse("causeway.test").unwrap();
        PeerIdentity {
            spiffe: names::SpiffeId::app_connector(domain, name(id)),
            serial: vec![0, 200, 1],
            not_after: jiff::Timestamp::MAX,
            public_key_sha256: [0; 32],
        }
    }

    #[test]
    fn a_name_is_refused_until_every_voice_has_taken_it_back() {
        let denied = DenyList::new();
        let (registry, provisioning) = (denied.voice("registry"), denied.voice("provisioning"));
        registry.deny_name(name("c"));
        provisioning.deny_name(name("c"));
        denied.voice("registry").allow_name(&name("c"));
        assert!(denied.denies(&peer("c")), "provisioning still denies it");
        registry.allow_name(&name("c"));
        provisioning.allow_name(&name("c"));
        assert!(!denied.denies(&peer("c")));
        assert!(denied.0.read().unwrap().names.0.is_empty(), "nothing is left behind");
    }

    #[test]
    fn a_voice_replaces_its_own_names_and_leaves_the_others_theirs() {
        let denied = DenyList::new();
        let (registry, provisioning) = (denied.voice("registry"), denied.voice("provisioning"));
        provisioning.replace_names([name("a"), name("b")].into());
        registry.replace_names([name("b"), name("c")].into());
        provisioning.replace_names([name("d")].into());
        let refused = ["a", "b", "c", "d"].map(|id| denied.denies(&peer(id)));
        assert_eq!(refused, [false, true, true, true]);
        registry.replace_names(HashSet::new());
        assert_eq!(["b", "c", "d"].map(|id| denied.denies(&peer(id))), [false, false, true]);
    }

    #[test]
    fn a_serial_number_is_refused_with_or_without_its_leading_zero() {
        let denied = DenyList::new();
        denied.voice("provisioning").deny_serial(&[200, 1]);
        assert!(denied.denies(&peer("c")));
    }
}
