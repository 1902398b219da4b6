//! Which enabled segment covers which name: kept in memory for each tenant, guarded in the store.
//!
//! ## Design notes
//! A claim row for each name would be the plain way, but a segment may have 2,000 domains and a commit 100
//! rows. So each tenant has one guard row that every change of coverage rewrites; the index in memory is
//! good exactly as long as the guard stands at the revision that the index was made of. Changes of
//! coverage in one tenant take turns here, one durable commit after another; other writes do not wait.

use std::{collections::HashMap, sync::Arc};

use names::{ApplicationSegmentName, Id, TenantName};
use resource::Fault;
use store::{At, Revision};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    domain::{Coverage as Covers, Ports, SegmentSpec, Spec as _, Target, TargetIndex},
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
    before: Option<Covered>,
    after: Option<Covered>,
}

/// What an object covers, kept until the commit is through.
struct Covered {
    domains: Vec<Target>,
    tcp: Ports,
    udp: Ports,
}

impl Covered {
    fn of(covers: Covers<'_>) -> Self {
        let Covers { domains, tcp, udp } = covers;
        Self { domains: domains.to_vec(), tcp: tcp.clone(), udp: udp.clone() }
    }

    fn covers(&self) -> Covers<'_> {
        Covers { domains: &self.domains, tcp: &self.tcp, udp: &self.udp }
    }
}

impl Coverage {
    /// Takes the tenant's turn and checks the change.
    pub(super) async fn examine(
        &self,
        rows: &Rows,
        name: &ApplicationSegmentName,
        before: Option<Covers<'_>>,
        after: Option<Covers<'_>>,
    ) -> Result<Turn, Error> {
        let tenant = name.tenant();
        let slot = Arc::clone(self.0.lock().await.entry(tenant.id().clone()).or_default());
        let mut turn = slot.lock_owned().await;
        turn.refresh(rows, &tenant).await?;
        if let Some(conflict) = after.and_then(|covers| turn.index.conflict(name, covers)) {
            return Err(Error::DomainConflict(conflict));
        }
        let (before, after) = (before.map(Covered::of), after.map(Covered::of));
        Ok(Turn { tenant: turn, name: name.clone(), before, after })
    }
}

impl Turn {
    /// Makes the commit fail if anybody else changed coverage since.
    pub(super) fn guard(&self, changes: Changes) -> Changes {
        let guard = targets_guard(&self.name.tenant());
        changes.with(|commit| match self.tenant.made_of {
            Some(revision) => commit.require_revision(&guard, revision).put(guard, ""),
            None => commit.require_absent(&guard).put(guard, ""),
        })
    }

    /// The commit took place at `revision`.
    pub(super) fn done(mut self, revision: Revision) {
        let before = self.before.as_ref().map(Covered::covers);
        let after = self.after.as_ref().map(Covered::covers);
        self.tenant.index.replace(&self.name, before, after);
        self.tenant.made_of = Some(revision);
    }
}

impl Tenant {
    /// Makes the index anew if the guard moved without us.
    async fn refresh(&mut self, rows: &Rows, tenant: &TenantName) -> Result<(), Error> {
        let at = At::Revision(rows.store().published());
        let guard = rows.store().get(&targets_guard(tenant), at).await.map_err(Fault::from)?;
        let guard = guard.map(|row| row.revision);
        if self.loaded && guard == self.made_of {
            return Ok(());
        }
        let mut index = TargetIndex::default();
        rows.each::<SegmentSpec>(Some(tenant), at, |found| {
            if !found.resource.is_deleted() {
                index.replace(&found.resource.name, None, found.resource.spec.coverage());
            }
        })
        .await?;
        *self = Self { made_of: guard, index, loaded: true };
        Ok(())
    }
}
