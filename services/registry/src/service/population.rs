//! How many live objects each tenant holds, for the quotas and for `total_size`.
//!
//! Owns: the counts in memory. Always holds: they are what the store's own watch brought, whichever replica wrote it, together with this
//! process's own writes that the watch has not brought yet; an own write is never counted twice, and one that was answered is never
//! missed.
//! Absent on purpose: a guard in the store. Replicas may pass a quota by the writes that are in flight at once on all of them.
//!
//! ## Design notes
//! Counters in memory: a counter row in the store would make every create of a tenant wait for the one before it, and a thousand
//! connectors that enrol at once are the normal case. Counted are the guards, of which there is one for each live object, so no record is
//! read for it.
//!
//! A create reserves a place under its object's id before it commits. The watch takes that place over when it brings the guard; where the
//! commit was refused, or its caller went away, the place is given back. A delete that was answered is subtracted until the watch brings
//! it. So neither waits for the watch, and with one process on the store the quota is exact.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use names::{BelowTenant as _, Id, TenantName};
use resource::cache::Cache;
use store::{Change, Prefix, Revision, Row};

use crate::{
    domain::{Kind, Quotas, Spec},
    error::Error,
    metrics::Metrics,
    store::{Place, Rows, guards, read_guard},
};

type Key = (Id, Kind);

/// Live objects of one kind in one tenant.
#[derive(Clone, Debug, Default)]
struct Count {
    /// As the watch brought them.
    live: usize,
    /// Creates under way, and those that were answered and that the watch has not brought, by the object's id.
    arriving: HashMap<Id, usize>,
    /// Deletes that were answered and that the watch has not brought.
    left: Vec<(Id, Revision)>,
}

impl Count {
    fn total(&self) -> usize {
        let arriving: usize = self.arriving.values().sum();
        (self.live + arriving).saturating_sub(self.left.len())
    }

    /// Takes one place back, whether it was refused or is counted elsewhere from now on.
    fn arrived(&mut self, id: &Id) {
        if let Some(places) = self.arriving.get_mut(id) {
            *places -= 1;
            if *places == 0 {
                self.arriving.remove(id);
            }
        }
    }

    fn departed(&mut self, id: &Id) {
        if let Some(at) = self.left.iter().position(|(left, _)| left == id) {
            self.left.remove(at);
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    by_key: HashMap<Key, Count>,
    /// How far the watch has come.
    heard: Revision,
}

/// Live objects by tenant and kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Population {
    counts: Arc<Mutex<Counts>>,
    metrics: Metrics,
}

/// A write under way that adds an object. Dropped, it gives its place back, unless the watch has brought the object already.
#[derive(Debug)]
#[must_use]
pub(super) struct Arrival<'a> {
    population: &'a Population,
    place: Place,
    is_done: bool,
}

impl Population {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { counts: Arc::default(), metrics }
    }

    /// Reserves a place for one more object.
    pub(super) fn arrive<S: Spec>(
        &self,
        name: &S::Name,
        quotas: &Quotas,
    ) -> Result<Arrival<'_>, Error> {
        let (place, tenant) = (Rows::place::<S>(name), name.tenant());
        let mut counts = self.counts();
        let count = counts.by_key.entry(key(&place)).or_default();
        if let Some(limit) = S::ABOUT.quota.map(|quota| quota(quotas))
            && count.total() >= limit
        {
            return Err(Error::QuotaExceeded { tenant, kind: S::KIND, limit });
        }
        *count.arriving.entry(place.id.clone()).or_default() += 1;
        Ok(Arrival { population: self, place, is_done: false })
    }

    /// Notes that an object was deleted at a revision.
    pub(super) fn left(&self, place: &Place, revision: Revision) {
        let mut counts = self.counts();
        if counts.heard < revision {
            let count = counts.by_key.entry(key(place)).or_default();
            count.left.push((place.id.clone(), revision));
        }
    }

    /// Live objects of a kind in a tenant, those that are being written included.
    pub(super) fn live(&self, tenant: &TenantName, kind: Kind) -> usize {
        self.counts().by_key.get(&(tenant.id().clone(), kind)).map_or(0, Count::total)
    }

    /// Sums up all tenants for the metric.
    pub(super) fn show(&self) {
        let counts = self.counts();
        for &kind in Kind::ALL.iter().filter(|kind| kind.about().quota.is_some()) {
            let of_kind = counts.by_key.iter().filter(|((_, other), _)| *other == kind);
            self.metrics.objects(kind, of_kind.map(|(_, count)| count.total()).sum());
        }
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        // A panic elsewhere while counting leaves a usable count.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache for Population {
    fn prefixes(&self) -> Vec<Prefix> {
        vec![guards()]
    }

    fn replace(&self, rows: Vec<Row>, revision: Revision) {
        let mut counts = self.counts();
        counts.heard = revision;
        for count in counts.by_key.values_mut() {
            count.live = 0;
            count.left.retain(|(_, left)| *left > revision);
        }
        for place in rows.iter().filter_map(|row| read_guard(&row.key)) {
            let count = counts.by_key.entry(key(&place)).or_default();
            count.live += 1;
            count.arriving.remove(&place.id);
        }
    }

    fn apply(&self, changes: &[Change], revision: Revision) {
        let mut counts = self.counts();
        counts.heard = revision;
        for change in changes {
            let Some(place) = read_guard(&change.key) else { continue };
            let count = counts.by_key.entry(key(&place)).or_default();
            match (&change.before, &change.after) {
                (None, Some(_)) => {
                    count.live += 1;
                    count.arrived(&place.id);
                }
                (Some(_), None) => {
                    count.live = count.live.saturating_sub(1);
                    count.departed(&place.id);
                }
                _ => {}
            }
        }
    }
}

impl Arrival<'_> {
    /// The object was written: its place is kept until the watch brings it.
    pub(super) fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        if !self.is_done
            && let Some(count) = self.population.counts().by_key.get_mut(&key(&self.place))
        {
            count.arrived(&self.place.id);
        }
    }
}

fn key(place: &Place) -> Key {
    (place.tenant.clone(), place.kind)
}

#[cfg(test)]
mod tests {
    use names::AppConnectorGroupName;

    use super::*;
    use crate::domain::GroupSpec;

    fn population() -> (Population, TenantName, Quotas) {
        let quotas = Quotas { app_connector_groups: 2, ..Quotas::default() };
        (Population::new(Metrics::default()), "tenants/acme".parse().unwrap(), quotas)
    }

    fn name(id: &str) -> AppConnectorGroupName {
        format!("tenants/acme/appConnectorGroups/{id}").parse().unwrap()
    }

    fn group(id: &str) -> Place {
        Rows::place::<GroupSpec>(&name(id))
    }

    fn guard(id: &str, before: bool, after: bool) -> Change {
        let value = |is_there: bool| is_there.then(bytes::Bytes::new);
        Change { key: group(id).guard(), before: value(before), after: value(after) }
    }

    fn row(id: &str) -> Row {
        let (revision, created) = (Revision::new(1), Revision::new(1));
        Row { key: group(id).guard(), value: bytes::Bytes::new(), revision, created }
    }

    #[test]
    fn an_own_write_counts_once_whether_its_answer_or_the_watch_comes_first() {
        let (population, tenant, quotas) = population();
        let arrive = |id: &str| population.arrive::<GroupSpec>(&name(id), &quotas);
        let live = || population.live(&tenant, Kind::Group);
        let answered = arrive("a").unwrap();
        answered.done();
        assert_eq!(live(), 1);
        population.apply(&[guard("a", false, true)], Revision::new(5));
        assert_eq!(live(), 1);
        let heard_first = arrive("b").unwrap();
        population.apply(&[guard("b", false, true)], Revision::new(6));
        assert_eq!(live(), 2);
        heard_first.done();
        assert_eq!(live(), 2);
        let refused = arrive("c").unwrap_err();
        assert!(matches!(refused, Error::QuotaExceeded { limit: 2, .. }), "{refused}");

        population.left(&group("a"), Revision::new(7));
        assert_eq!(live(), 1);
        population.apply(&[guard("a", true, false)], Revision::new(7));
        assert_eq!(live(), 1);
        population.apply(&[guard("b", true, false)], Revision::new(8));
        population.left(&group("b"), Revision::new(8));
        assert_eq!(live(), 0, "the watch was first");
    }

    #[test]
    fn of_two_creates_of_one_id_the_loser_gives_its_own_place_back() {
        let (population, tenant, quotas) = population();
        let arrive = || population.arrive::<GroupSpec>(&name("a"), &quotas).unwrap();
        for is_heard_between in [true, false] {
            let (winner, loser) = (arrive(), arrive());
            if is_heard_between {
                population.apply(&[guard("a", false, true)], Revision::new(5));
                drop(loser);
            } else {
                drop(loser);
                population.apply(&[guard("a", false, true)], Revision::new(7));
            }
            winner.done();
            assert_eq!(population.live(&tenant, Kind::Group), 1);
            population.apply(&[guard("a", true, false)], Revision::new(8));
            assert_eq!(population.live(&tenant, Kind::Group), 0);
        }
    }

    #[test]
    fn a_cache_that_is_filled_anew_keeps_what_is_not_in_it_yet() {
        let (population, tenant, quotas) = population();
        population.replace(vec![row("a")], Revision::new(5));
        population.arrive::<GroupSpec>(&name("b"), &quotas).unwrap().done();
        population.left(&group("a"), Revision::new(9));
        assert_eq!(population.live(&tenant, Kind::Group), 1);
        population.replace(vec![row("a"), row("b")], Revision::new(8));
        assert_eq!(population.live(&tenant, Kind::Group), 1, "b is in it, a goes later");
        population.replace(vec![row("b")], Revision::new(9));
        assert_eq!(population.live(&tenant, Kind::Group), 1);
        population.apply(&[guard("b", false, true)], Revision::new(10));
        let changed = guard("b", true, true);
        population.apply(&[changed], Revision::new(11));
        assert_eq!(population.live(&tenant, Kind::Group), 2, "a state is no arrival");
    }
}
