//! The configuration of all tenants, ready to answer.
//!
//! Owns: the model, one compiled snapshot a tenant, and how fresh all of it is.
//! Always holds: a commit of registry becomes visible whole, one tenant at a time; readers never wait for
//! a writer; live status survives every change of the configuration.
//!
//! ## Design notes
//! A change rebuilds its tenant's snapshot from the model. That costs in proportion to the tenant, and in
//! exchange a snapshot is immutable and has no history; the number of tenants and the traffic of others
//! do not matter.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use names::{AppConnectorName, TenantName};
use tokio::sync::watch;

use crate::{
    domain::configuration::{
        TenantConfiguration,
        model::{Fact, Model},
    },
    live::{connector::ConnectorLive, fleet::Fleet, tenant::TenantLive, view::TenantView},
};

/// "Never", in the time of the last confirmation.
const NEVER: i64 = i64::MIN;

/// One tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    view: ArcSwap<TenantView>,
    /// Counts what may change what connectors are to probe.
    changes: watch::Sender<u64>,
}

impl Tenant {
    /// Its configuration as of now, joined with what is live of it.
    #[must_use]
    pub(crate) fn view(&self) -> Arc<TenantView> {
        self.view.load_full()
    }

    /// Says that connectors may have to probe something else.
    pub(crate) fn announce(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Notifies of such changes.
    #[must_use]
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// How fresh the configuration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// Counts the changes that were applied.
    pub(crate) revision: i64,
    /// When registry last confirmed the copy, in this run of the process or an earlier one.
    pub(crate) confirmed: Option<Timestamp>,
}

impl Freshness {
    /// Time since the last confirmation, by the wall clock, the only one that outlives a restart: zero when that was
    /// set back since. `None` while there is no copy at all.
    #[must_use]
    pub(crate) fn age(&self, now: Timestamp) -> Option<Duration> {
        let age = |at| Duration::try_from(now.duration_since(at)).unwrap_or_default();
        self.confirmed.map(age)
    }

    /// Whether it is older than a limit.
    #[must_use]
    pub(crate) fn is_stale(&self, limit: Duration, now: Timestamp) -> bool {
        self.age(now).is_none_or(|age| age > limit)
    }
}

/// All tenants.
#[derive(Debug)]
pub(crate) struct Index {
    model: Mutex<Model>,
    tenants: ArcSwap<HashMap<TenantName, Arc<Tenant>>>,
    fleet: Fleet,
    ready: AtomicBool,
    confirmed_ms: AtomicI64,
    revision: AtomicI64,
    /// Counts changes of any tenant: a stream that waits for an object looks again.
    arrivals: watch::Sender<u64>,
}

impl Index {
    /// Nothing yet; counts its revisions from one.
    #[must_use]
    pub(crate) fn new(revision: i64) -> Self {
        Self {
            model: Mutex::default(),
            tenants: ArcSwap::default(),
            fleet: Fleet::default(),
            ready: AtomicBool::new(false),
            confirmed_ms: AtomicI64::new(NEVER),
            revision: AtomicI64::new(revision),
            arrivals: watch::Sender::new(0),
        }
    }

    /// Restores the copy that an earlier run of this process left.
    pub(crate) fn restore(&self, facts: impl IntoIterator<Item = Fact>, confirmed: Timestamp) {
        self.replace(facts);
        self.confirmed_ms.store(confirmed.as_millisecond(), Relaxed);
    }

    /// Replaces everything by a snapshot of registry; what is not in it is gone.
    pub(crate) fn reset(&self, facts: impl IntoIterator<Item = Fact>, now: Timestamp) {
        self.replace(facts);
        self.confirm(now);
    }

    fn replace(&self, facts: impl IntoIterator<Item = Fact>) {
        let mut fresh = Model::default();
        for fact in facts {
            fresh.learn(fact);
        }
        let mut model = self.model();
        let mut touched: BTreeSet<TenantName> = model.tenants().cloned().collect();
        touched.extend(fresh.tenants().cloned());
        *model = fresh;
        self.publish(&model, touched);
        self.ready.store(true, Relaxed);
    }

    /// Applies one commit of registry.
    pub(crate) fn apply(&self, facts: impl IntoIterator<Item = Fact>, now: Timestamp) {
        let mut model = self.model();
        let touched: BTreeSet<TenantName> =
            facts.into_iter().map(|fact| model.learn(fact)).collect();
        self.publish(&model, touched);
        drop(model);
        self.confirm(now);
    }

    /// Registry confirmed that nothing changed.
    pub(crate) fn confirm(&self, now: Timestamp) {
        self.confirmed_ms.store(now.as_millisecond(), Relaxed);
    }

    fn publish(&self, model: &Model, touched: BTreeSet<TenantName>) {
        let known = self.tenants.load();
        let mut changed: BTreeMap<TenantName, Option<Arc<Tenant>>> = BTreeMap::new();
        for name in touched {
            let Some(configuration) = model.tenant(&name) else {
                changed.insert(name, None);
                continue;
            };
            let before = known.get(&name);
            let live = before
                .map_or_else(Arc::<TenantLive>::default, |tenant| tenant.view.load().live.clone());
            live.retain_segments(|id| configuration.segments.contains_key(id));
            let view = TenantView::build(name.clone(), configuration, &self.fleet, live).into();
            match before {
                Some(tenant) => {
                    tenant.view.store(view);
                    tenant.announce();
                }
                None => {
                    let view = ArcSwap::new(view);
                    let tenant = Tenant { view, changes: watch::Sender::new(0) };
                    changed.insert(name, Some(Arc::new(tenant)));
                }
            }
        }
        if !changed.is_empty() {
            let mut all = HashMap::clone(&known);
            for (name, tenant) in changed {
                let gone = match tenant {
                    Some(tenant) => all.insert(name, tenant),
                    None => all.remove(&name),
                };
                if let Some(gone) = gone {
                    gone.announce();
                }
            }
            self.tenants.store(Arc::new(all));
        }
        self.revision.fetch_add(1, Relaxed);
        self.arrivals.send_modify(|count| *count += 1);
    }

    /// One tenant, if it exists.
    #[must_use]
    pub(crate) fn tenant(&self, name: &TenantName) -> Option<Arc<Tenant>> {
        self.tenants.load().get(name).cloned()
    }

    /// Every tenant, in the order of their names.
    #[must_use]
    pub(crate) fn tenants(&self) -> Vec<(TenantName, Arc<Tenant>)> {
        let mut all: Vec<_> =
            self.tenants.load().iter().map(|(name, it)| (name.clone(), it.clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// A connector of the configuration.
    #[must_use]
    pub(crate) fn connector(&self, name: &AppConnectorName) -> Option<Arc<ConnectorLive>> {
        let tenant = self.tenant(&name.tenant())?;
        let view = tenant.view.load();
        view.connectors.get(&name.app_connector).map(|enrolled| enrolled.live.clone())
    }

    /// Connectors whose certificates are to be refused.
    #[must_use]
    pub(crate) fn deleted(&self) -> BTreeSet<AppConnectorName> {
        self.model().deleted().clone()
    }

    /// Shows the configuration of every tenant that is known of.
    pub(crate) fn survey(&self, mut look: impl FnMut(&TenantName, &TenantConfiguration)) {
        let model = self.model();
        for name in model.tenants() {
            if let Some(configuration) = model.tenant(name) {
                look(name, configuration);
            }
        }
    }

    /// The connectors of all tenants, live.
    #[must_use]
    pub(crate) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Forgets what the fleet no longer has.
    pub(crate) fn tidy(&self) {
        let tenants = self.tenants.load();
        self.fleet.retain(|name| {
            tenants.get(&name.tenant()).is_some_and(|tenant| {
                tenant.view.load().connectors.contains_key(&name.app_connector)
            })
        });
    }

    /// Whether a configuration has ever been loaded.
    #[must_use]
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Relaxed)
    }

    /// How fresh it is.
    #[must_use]
    pub(crate) fn freshness(&self) -> Freshness {
        let confirmed = Some(self.confirmed_ms.load(Relaxed)).filter(|ms| *ms != NEVER);
        Freshness {
            revision: self.revision.load(Relaxed),
            confirmed: confirmed.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        }
    }

    /// Notifies of every change.
    #[must_use]
    pub(crate) fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_copy_outlives_a_restart_and_is_never_negative() {
        let confirmed: Timestamp = "2026-11-23T12:00:00Z".parse().expect("a time");
        let index = Index::new(1);
        assert_eq!(index.freshness().age(confirmed), None, "there is no copy");
        index.restore([], confirmed);
        let freshness = index.freshness();
        let second = Duration::from_secs(1);
        assert_eq!(freshness.age(confirmed + second), Some(second));
        assert_eq!(freshness.age(confirmed - second), Some(Duration::ZERO), "the clock went back");
        assert!(!freshness.is_stale(second, confirmed + second));
        assert!(freshness.is_stale(second, confirmed + second * 2));
    }
}
