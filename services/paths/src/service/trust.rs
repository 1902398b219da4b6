//! Whose certificates count: tenants' roots and refused identities, as the siblings told them.
//!
//! Owns: keeping the process's trust bundles and deny list in step with provisioning's watch and with the
//! connectors that registry deleted.
//! Always holds: an identity is refused as long as either sibling says so, each with a voice of its own in the deny list.
//!
//! ## Design notes
//! The trust bundles belong to the process, which may host provisioning too. So this module only adds
//! and takes back what it put in itself, and never replaces them as a whole.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use jiff::Timestamp;
use names::{AppConnectorName, TenantName};
use rpc::revocation::{DenyList, Voice};
use runtime::identity::TrustBundles;

use crate::clients::provisioning::TrustFact;

/// From this age on provisioning counts as out of reach, milliseconds: twice the 30 s within which the contract promises
/// a bookmark.
const FRESH_FOR_MS: i64 = 60_000;

/// Keeps bundles and deny list in step.
#[derive(Debug)]
pub(crate) struct Trust {
    bundles: TrustBundles,
    /// Registry's voice: deleted connectors.
    deleted: Voice,
    /// Provisioning's voice: revoked identities.
    revoked: Voice,
    /// The tenants whose roots this module put into the bundles.
    rooted: Mutex<BTreeSet<TenantName>>,
    heard_ms: AtomicI64,
}

impl Trust {
    /// Over the process's bundles and deny list.
    #[must_use]
    pub(crate) fn new(bundles: TrustBundles, denied: &DenyList) -> Self {
        Self {
            bundles,
            deleted: denied.voice("paths/registry"),
            revoked: denied.voice("paths/provisioning"),
            rooted: Mutex::default(),
            heard_ms: AtomicI64::new(i64::MIN),
        }
    }

    /// Whether provisioning was heard of late.
    #[must_use]
    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        now.as_millisecond().saturating_sub(self.heard_ms.load(Relaxed)) <= FRESH_FOR_MS
    }

    /// Provisioning was heard.
    pub(crate) fn heard(&self, now: Timestamp) {
        self.heard_ms.store(now.as_millisecond(), Relaxed);
    }

    /// The tenants that have roots.
    #[must_use]
    pub(crate) fn tenants(&self) -> Vec<TenantName> {
        self.rooted().iter().cloned().collect()
    }

    /// Provisioning told everything: what is not among it is gone.
    pub(crate) fn reset(&self, facts: impl IntoIterator<Item = TrustFact>) {
        let mut rooted = self.rooted();
        let before = std::mem::take(&mut *rooted);
        let mut revoked = HashSet::new();
        for fact in facts {
            match fact {
                TrustFact::Refused(name, true) => {
                    revoked.insert(name);
                }
                TrustFact::Refused(name, false) => {
                    revoked.remove(&name);
                }
                TrustFact::Roots(tenant, roots) => self.set_roots(&mut rooted, tenant, roots),
            }
        }
        for gone in before {
            if !rooted.contains(&gone) {
                self.set_roots(&mut rooted, gone, Vec::new());
            }
        }
        self.revoked.replace_names(revoked);
    }

    /// Provisioning told one commit.
    pub(crate) fn apply(&self, facts: impl IntoIterator<Item = TrustFact>) {
        let mut rooted = self.rooted();
        for fact in facts {
            match fact {
                TrustFact::Refused(name, true) => self.revoked.deny_name(name),
                TrustFact::Refused(name, false) => self.revoked.allow_name(&name),
                TrustFact::Roots(tenant, roots) => self.set_roots(&mut rooted, tenant, roots),
            }
        }
    }

    /// Registry told everything: exactly these connectors are deleted.
    pub(crate) fn set_deleted(&self, deleted: impl IntoIterator<Item = AppConnectorName>) {
        self.deleted.replace_names(deleted.into_iter().collect());
    }

    /// Registry told whether a connector is deleted.
    pub(crate) fn connector(&self, name: &AppConnectorName, is_deleted: bool) {
        if is_deleted {
            self.deleted.deny_name(name.clone());
        } else {
            self.deleted.allow_name(name);
        }
    }

    fn set_roots(
        &self,
        rooted: &mut BTreeSet<TenantName>,
        tenant: TenantName,
        roots: Vec<Vec<u8>>,
    ) {
        if roots.is_empty() {
            rooted.remove(&tenant);
        } else {
            rooted.insert(tenant.clone());
        }
        let roots = roots.into_iter().map(Into::into).collect();
        if let Err(error) = self.bundles.set_tenant(tenant.clone(), roots) {
            let error = error.to_string();
            tracing::error!(%tenant, error, "a tenant's roots are not understood; the old ones stay");
        }
    }

    fn rooted(&self) -> MutexGuard<'_, BTreeSet<TenantName>> {
        // Nothing that could panic leaves the set half-changed.
        self.rooted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
