//! Which enabled segment covers which name: kept in memory for each tenant, guarded in the store.
//!
//! ## Design notes
//! A claim row for each name would be the plain way, but a segment may have 2,000 domains and a commit 100
//! rows. So each tenant has one guard row that every change of coverage rewrites; the index in memory is
//! good exactly as long as the guard stands at the revision that the index was made of. Changes of
//! coverage in one tenant take turns here, one durable commit after another; other writes do not wait.

use std::{collections::HashMap, sync::Arc};

use names::{ApplicationSegmentName, Id, TenantName};
use store::{At, Revision};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    domain::{SegmentSpec, TargetIndex},
    error::Error,
    store::{Changes, Rows, targets_guard},
};

#[derive(Debug, Default)]
struct Tenant {
    /// The guard's revision that the index is made of; `None`: no guard was ever written.
    made_of: Option<Revision>,
    index: TargetIndex,
    loaded: bool,
}

/// The indexes of all tenants that changed a segment since the start.
#[derive(Debug, Default)]
pub(super) struct Coverage(Mutex<HashMap<Id, Arc<Mutex<Tenant>>>>);

/// One change of coverage in the making; holds the tenant's turn.
pub(super) struct Turn {
    tenant: OwnedMutexGuard<Tenant>,
    name: ApplicationSegmentName,
    before: Option<SegmentSpec>,
    after: Option<SegmentSpec>,
}

impl Coverage {
    /// Takes the tenant's turn and checks the change. `None`: the change touches no coverage.
    pub(super) async fn examine(
        &self,
        rows: &Rows,
        name: &ApplicationSegmentName,
        before: Option<&SegmentSpec>,
        after: Option<&SegmentSpec>,
    ) -> Result<Option<Turn>, Error> {
        let enabled = |spec: &&SegmentSpec| spec.enabled;
        let (before, after) = (before.filter(enabled), after.filter(enabled));
        if shape(before) == shape(after) {
            return Ok(None);
        }
        let tenant = name.tenant();
        let slot = Arc::clone(self.0.lock().await.entry(tenant.id().clone()).or_default());
        let mut turn = slot.lock_owned().await;
        turn.refresh(rows, &tenant).await?;
        if let Some(conflict) = after.and_then(|spec| turn.index.conflict(name, spec)) {
            return Err(Error::DomainConflict(conflict));
        }
        Ok(Some(Turn {
            tenant: turn,
            name: name.clone(),
            before: before.cloned(),
            after: after.cloned(),
        }))
    }
}

impl Turn {
    /// Makes the commit fail if anybody else changed coverage since.
    pub(super) fn guard(&self, changes: &mut Changes) {
        let guard = targets_guard(&self.name.tenant());
        changes.with(|commit| match self.tenant.made_of {
            Some(revision) => commit.require_revision(&guard, revision).put(guard, ""),
            None => commit.require_absent(&guard).put(guard, ""),
        });
    }

    /// The commit took place at `revision`.
    pub(super) fn done(mut self, revision: Revision) {
        let (name, before, after) = (&self.name, self.before.as_ref(), self.after.as_ref());
        self.tenant.index.replace(name, before, after);
        self.tenant.made_of = Some(revision);
    }
}

impl Tenant {
    /// Makes the index anew if the guard moved without us.
    async fn refresh(&mut self, rows: &Rows, tenant: &TenantName) -> Result<(), Error> {
        let at = At::Revision(rows.store().published());
        let guard = rows.store().get(&targets_guard(tenant), at).await?.map(|row| row.revision);
        if self.loaded && guard == self.made_of {
            return Ok(());
        }
        let mut index = TargetIndex::default();
        rows.each::<SegmentSpec>(Some(tenant), at, |found| {
            if !found.resource.is_deleted() {
                index.replace(&found.resource.name, None, Some(&found.resource.spec));
            }
        })
        .await?;
        *self = Self { made_of: guard, index, loaded: true };
        Ok(())
    }
}

fn shape(
    spec: Option<&SegmentSpec>,
) -> Option<(&[crate::domain::Target], &crate::domain::Ports, &crate::domain::Ports)> {
    spec.map(|spec| (spec.domains.as_slice(), &spec.tcp, &spec.udp))
}
