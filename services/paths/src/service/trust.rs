//! Whose certificates count: tenants' roots and refused identities, as provisioning told them.
//!
//! Owns: keeping the process's trust bundles and deny list in step with provisioning's watch and with the
//! connectors that registry deleted.
//! Always holds: an identity is refused as long as either sibling says so.
//!
//! ## Design notes
//! Bundles and deny list belong to the process, which may host provisioning too. So this room only adds
//! and takes back what it put in itself, and never replaces either as a whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use jiff::Timestamp;
use names::{AppConnectorName, TenantName};
use rpc::revocation::DenyList;
use runtime::identity::TrustBundles;

use crate::clients::provisioning::TrustFact;

/// From this age on provisioning counts as out of reach, milliseconds: its watch is never silent for
/// longer than 30 s.
const FRESH_FOR_MS: i64 = 60_000;

/// Keeps bundles and deny list in step.
#[derive(Debug)]
pub struct Trust {
    bundles: TrustBundles,
    denied: DenyList,
    known: Mutex<Known>,
    heard_ms: AtomicI64,
}

#[derive(Debug, Default)]
struct Known {
    roots: BTreeMap<TenantName, Vec<Vec<u8>>>,
    revoked: BTreeSet<AppConnectorName>,
    deleted: BTreeSet<AppConnectorName>,
    /// What this room put into the deny list.
    applied: BTreeSet<AppConnectorName>,
}

impl Trust {
    /// Over the process's bundles and deny list.
    #[must_use]
    pub fn new(bundles: TrustBundles, denied: DenyList) -> Self {
        let heard_ms = AtomicI64::new(i64::MIN);
        Self { bundles, denied, known: Mutex::default(), heard_ms }
    }

    /// Whether provisioning was heard of late.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.as_millisecond().saturating_sub(self.heard_ms.load(Relaxed)) <= FRESH_FOR_MS
    }

    /// Provisioning was heard.
    pub fn heard(&self, now: Timestamp) {
        self.heard_ms.store(now.as_millisecond(), Relaxed);
    }

    /// Provisioning told everything: what is not among it is gone.
    pub fn reset(&self, facts: impl IntoIterator<Item = TrustFact>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before: BTreeSet<TenantName> = known.roots.keys().cloned().collect();
        known.roots.clear();
        known.revoked.clear();
        for fact in facts {
            self.learn(&mut known, fact);
        }
        for gone in before.into_iter().filter(|tenant| !known.roots.contains_key(tenant)) {
            self.set_roots(&gone, Vec::new());
        }
        self.deny(&mut known);
    }

    /// Provisioning told one commit.
    pub fn apply(&self, facts: impl IntoIterator<Item = TrustFact>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for fact in facts {
            self.learn(&mut known, fact);
        }
        self.deny(&mut known);
    }

    /// Registry told which connectors are deleted.
    pub fn set_deleted(&self, deleted: BTreeSet<AppConnectorName>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.deleted != deleted {
            known.deleted = deleted;
            self.deny(&mut known);
        }
    }

    fn learn(&self, known: &mut Known, fact: TrustFact) {
        match fact {
            TrustFact::Refused(name, true) => {
                known.revoked.insert(name);
            }
            TrustFact::Refused(name, false) => {
                known.revoked.remove(&name);
            }
            TrustFact::Roots(tenant, roots) => {
                self.set_roots(&tenant, roots.clone());
                if roots.is_empty() {
                    known.roots.remove(&tenant);
                } else {
                    known.roots.insert(tenant, roots);
                }
            }
        }
    }

    fn set_roots(&self, tenant: &TenantName, roots: Vec<Vec<u8>>) {
        let roots = roots.into_iter().map(Into::into).collect();
        if let Err(error) = self.bundles.set_tenant(tenant.clone(), roots) {
            let error = error.to_string();
            tracing::error!(%tenant, error, "a tenant's roots are not understood; the old ones stay");
        }
    }

    fn deny(&self, known: &mut Known) {
        let wanted: BTreeSet<AppConnectorName> =
            known.revoked.union(&known.deleted).cloned().collect();
        for name in wanted.difference(&known.applied) {
            self.denied.deny_name(name.clone());
        }
        for name in known.applied.difference(&wanted) {
            self.denied.allow_name(name);
        }
        known.applied = wanted;
    }
}
