//! How many live objects each tenant holds, for the quotas.
//!
//! ## Design notes
//! Counters in memory, counted once at start: a counter row in the store would make every create of a tenant
//! wait for the one before it, and a thousand connectors that enrol at once are the normal case. With one
//! process on the store the count is exact, since a place is reserved before the commit. Several replicas on one store
//! could overshoot by what they create in the same instant; a quota is a guard rail, not a promise.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use names::{Id, TenantName};
use store::At;

use crate::{
    domain::{
        ConnectorSpec, GroupSpec, Kind, Quotas, ResourceName, SegmentSpec, ServerGroupSpec, Spec,
    },
    error::Error,
    store::Rows,
};

type Counts = HashMap<(Id, Kind), usize>;

/// Live objects by tenant and kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Population(Arc<Mutex<Counts>>);

/// A reserved place; given back on drop unless it was filled.
#[derive(Debug)]
pub(super) struct Place<'a> {
    population: &'a Population,
    key: Option<(Id, Kind)>,
}

impl Population {
    /// Counts everything that is stored.
    pub(super) async fn count(rows: &Rows) -> Result<Self, Error> {
        let population = Self::default();
        population.add::<GroupSpec>(rows).await?;
        population.add::<ConnectorSpec>(rows).await?;
        population.add::<ServerGroupSpec>(rows).await?;
        population.add::<SegmentSpec>(rows).await?;
        Ok(population)
    }

    async fn add<S: Spec>(&self, rows: &Rows) -> Result<(), Error> {
        rows.each::<S>(None, At::Published, |found| {
            if !found.resource.is_deleted() {
                let tenant = found.resource.name.tenant_name().id().clone();
                *self.counts().entry((tenant, S::KIND)).or_default() += 1;
            }
        })
        .await?;
        Ok(())
    }

    /// Reserves a place for one more.
    pub(super) fn reserve(
        &self,
        tenant: &TenantName,
        kind: Kind,
        quotas: &Quotas,
    ) -> Result<Place<'_>, Error> {
        let Some(limit) = limit(kind, quotas) else {
            return Ok(Place { population: self, key: None });
        };
        let key = (tenant.id().clone(), kind);
        let mut counts = self.counts();
        let count = counts.entry(key.clone()).or_default();
        if *count >= limit {
            return Err(Error::QuotaExceeded { tenant: tenant.clone(), kind, limit });
        }
        *count += 1;
        Ok(Place { population: self, key: Some(key) })
    }

    /// One less.
    pub(super) fn release(&self, tenant: &TenantName, kind: Kind) {
        self.take_one(&(tenant.id().clone(), kind));
    }

    fn take_one(&self, key: &(Id, Kind)) {
        let mut counts = self.counts();
        if let Some(count) = counts.get_mut(key) {
            *count = count.saturating_sub(1);
        }
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        // A panic elsewhere while counting leaves a usable count.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// The object is there: the place stays taken.
    pub(super) fn fill(mut self) {
        self.key = None;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.population.take_one(&key);
        }
    }
}

fn limit(kind: Kind, quotas: &Quotas) -> Option<usize> {
    match kind {
        Kind::Tenant => None,
        Kind::Group => Some(quotas.app_connector_groups),
        Kind::Connector => Some(quotas.app_connectors),
        Kind::ServerGroup => Some(quotas.server_groups),
        Kind::Segment => Some(quotas.application_segments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_not_filled_is_free_again() {
        let population = Population::default();
        let tenant: TenantName = "tenants/acme".parse().unwrap();
        let quotas = Quotas { app_connector_groups: 1, ..Quotas::default() };
        let reserve = || population.reserve(&tenant, Kind::Group, &quotas);
        drop(reserve().unwrap());
        reserve().unwrap().fill();
        let refused = reserve().unwrap_err();
        assert!(matches!(refused, Error::QuotaExceeded { limit: 1, .. }), "{refused}");
        population.release(&tenant, Kind::Group);
        reserve().unwrap().fill();
    }
}
