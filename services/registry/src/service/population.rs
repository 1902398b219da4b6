//! How many live objects each tenant holds, for the quotas.
//!
//! ## Design notes
//! Counters in memory, counted once at start: a counter row in the store would make every create of a tenant
//! wait for the one before it, and a thousand connectors that enrol at once are the normal case. With one
//! process on the store the count is exact, since a place is reserved before the commit; a caller who goes away in
//! between leaves a doubt, which the next quiet moment resolves by counting. Several replicas on one store
//! could overshoot by what they create in the same instant; a quota is a guard rail, not a promise.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use names::{BelowTenant as _, Id, TenantName};
use store::At;

use crate::{
    domain::{Kind, Quotas, for_each_kind},
    error::Error,
    metrics::Metrics,
    store::{Kept, Rows},
};

type Key = (Id, Kind);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// Live objects, those whose fate is unknown included.
    live: usize,
    /// Writes under way.
    pending: usize,
    /// Rises with every change, so that a recount notices that it was overtaken.
    version: u64,
    /// A caller went away in the middle of a write: `live` may be too large.
    doubtful: bool,
}

/// Live objects by tenant and kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Population {
    counts: Arc<Mutex<HashMap<Key, Count>>>,
    metrics: Metrics,
}

/// A write under way that adds or removes one object. Dropped without an outcome (the caller went away while the
/// commit was on its way), it leaves the count too large rather than too small, and in doubt.
#[derive(Debug)]
pub(super) struct Move<'a> {
    population: &'a Population,
    key: Key,
    /// What `live` becomes less by when it is known how the write ended.
    on_success: usize,
    on_failure: usize,
    settled: bool,
}

impl Population {
    /// Counts everything that is stored.
    pub(super) async fn count(rows: &Rows, metrics: Metrics) -> Result<Self, Error> {
        let population = Self { counts: Arc::default(), metrics };
        macro_rules! count {
            ($($kind:ident: $spec:ty,)+) => { $(population.add::<$spec>(rows).await?;)+ };
        }
        for_each_kind!(count);
        Ok(population)
    }

    async fn add<S: Kept>(&self, rows: &Rows) -> Result<(), Error> {
        if S::ABOUT.quota.is_none() {
            return Ok(());
        }
        rows.each::<S>(None, At::Published, |found| {
            if !found.resource.is_deleted() {
                let tenant = found.resource.name.tenant().id().clone();
                self.counts().entry((tenant, S::KIND)).or_default().live += 1;
            }
        })
        .await?;
        Ok(())
    }

    /// Reserves a place for one more object of the kind.
    pub(super) async fn arrive<S: Kept>(
        &self,
        rows: &Rows,
        tenant: &TenantName,
        quotas: &Quotas,
    ) -> Result<Move<'_>, Error> {
        let key = (tenant.id().clone(), S::KIND);
        self.recount::<S>(rows, tenant, &key).await?;
        let mut counts = self.counts();
        let count = counts.entry(key.clone()).or_default();
        if let Some(limit) = S::ABOUT.quota.map(|quota| quota(quotas))
            && count.live >= limit
        {
            return Err(Error::QuotaExceeded { tenant: tenant.clone(), kind: S::KIND, limit });
        }
        count.live += 1;
        count.pending += 1;
        count.version += 1;
        Ok(Move { population: self, key, on_success: 0, on_failure: 1, settled: false })
    }

    /// Live objects of a kind in a tenant, those that are being written included.
    pub(super) fn live(&self, tenant: &TenantName, kind: Kind) -> usize {
        self.counts().get(&(tenant.id().clone(), kind)).map_or(0, |count| count.live)
    }

    /// Announces that one object is about to go.
    pub(super) fn leave(&self, tenant: &TenantName, kind: Kind) -> Move<'_> {
        let key = (tenant.id().clone(), kind);
        let mut counts = self.counts();
        let count = counts.entry(key.clone()).or_default();
        count.pending += 1;
        count.version += 1;
        Move { population: self, key, on_success: 1, on_failure: 0, settled: false }
    }

    /// Counts anew what is in doubt, once no write is under way that could be counted twice.
    async fn recount<S: Kept>(
        &self,
        rows: &Rows,
        tenant: &TenantName,
        key: &Key,
    ) -> Result<(), Error> {
        let before = self.counts().get(key).copied().unwrap_or_default();
        if !before.doubtful || before.pending > 0 {
            return Ok(());
        }
        let mut live = 0;
        rows.each::<S>(Some(tenant), At::Published, |found| {
            live += usize::from(!found.resource.is_deleted());
        })
        .await?;
        if let Some(count) = self.counts().get_mut(key).filter(|c| c.version == before.version) {
            *count = Count { live, doubtful: false, ..*count };
        }
        Ok(())
    }

    /// Sums up all tenants for the metric.
    pub(super) fn show(&self) {
        let counts = self.counts();
        for &kind in Kind::ALL.iter().filter(|kind| kind.about().quota.is_some()) {
            let of_kind = counts.iter().filter(|((_, other), _)| *other == kind);
            self.metrics.objects(kind, of_kind.map(|(_, count)| count.live).sum());
        }
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Count>> {
        // A panic elsewhere while counting leaves a usable count.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Move<'_> {
    /// The commit took place.
    pub(super) fn done(mut self) {
        self.settle(self.on_success, false);
    }

    /// The commit did not take place.
    pub(super) fn refused(mut self) {
        self.settle(self.on_failure, false);
    }

    fn settle(&mut self, less: usize, doubtful: bool) {
        self.settled = true;
        if let Some(count) = self.population.counts().get_mut(&self.key) {
            count.live = count.live.saturating_sub(less);
            count.pending = count.pending.saturating_sub(1);
            count.version += 1;
            count.doubtful |= doubtful;
        }
    }
}

impl Drop for Move<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(0, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use store::{Store, StoreConfig};

    use super::*;
    use crate::domain::GroupSpec;

    #[tokio::test]
    async fn a_full_tenant_is_refused_and_a_write_with_an_unknown_end_is_counted_anew() {
        let directory = tempfile::tempdir().unwrap();
        let config = StoreConfig::new(directory.path().join("store"));
        let store = Store::open(config, jiff::Timestamp::now).await.unwrap();
        let rows = Rows::new(store);
        let population = Population::count(&rows, Metrics::default()).await.unwrap();
        let tenant: TenantName = "tenants/acme".parse().unwrap();
        let quotas = Quotas { app_connector_groups: 1, ..Quotas::default() };
        let arrive = || population.arrive::<GroupSpec>(&rows, &tenant, &quotas);

        arrive().await.unwrap().refused();
        let under_way = arrive().await.unwrap();
        let refused = arrive().await.unwrap_err();
        assert!(matches!(refused, Error::QuotaExceeded { limit: 1, .. }), "{refused}");
        // The caller went away; the store says that nothing was written.
        drop(under_way);
        arrive().await.unwrap().done();
        assert!(arrive().await.is_err(), "one lives");
        population.leave(&tenant, Kind::Group).done();
        arrive().await.unwrap().done();
        rows.store().close().await;
    }
}
