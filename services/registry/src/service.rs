//! The use cases: the only place that orders check, write and answer.
//!
//! Owns: what is read before a write, which preconditions the commit carries for what was read, and what a
//! lost race means. Always holds: a use case decides on what it read, and its commit fails if any of that changed
//! in between; then it decides again. Use cases take `Authorised` names, which only the access layer makes, and a `Write`, which
//! only a request without a violation makes; each write is remembered in its commit.
//! Absent on purpose: the rules of single objects (`domain`), keys (`store`), messages (`grpc`).
//!
//! Read in this order: `create`, `update`, `delete`, `undelete`, `purge`, `registration`, `read`, then what they share: `checks`,
//! `coverage` (domain conflicts), `population` (quotas), `followers` (who must know of a withdrawal before it is answered).
//!
//! ## Design notes
//! The kinds share one create, update and delete, generic over [`Kept`]; what is special to a kind is in its
//! `Spec`, and groups have a delete of their own. The other choice, a file of use cases for each noun, repeats
//! the order of checks five times, and that order is where the mistakes are.

mod checks;
mod coverage;
mod create;
mod delete;
mod followers;
mod population;
mod purge;
mod read;
mod registration;
mod sweep;
mod undelete;
mod update;

use std::sync::Arc;

use names::{TenantName, TrustDomain};
use resource::{
    Fault, Write,
    cache::{self, Feed},
    history::History,
    record,
    write::{self, Ran},
};
use runtime::worker::Signal;
use store::{CommitError, Committed, Etag, Revision, Store};
use uuid::Uuid;

pub(crate) use followers::Followers;
pub(crate) use read::Scoped;
pub(crate) use update::Edit;

use crate::{
    clients::Keys,
    domain::{Quotas, Resource, Rules},
    error::Error,
    metrics::Metrics,
    store::{Author, Changes, Found, Kept, Rows},
};
use coverage::Coverage;
use population::Arrival;
pub(crate) use population::Population;

/// The registry's use cases. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub(crate) struct Registry {
    rows: Rows,
    history: History,
    quotas: Quotas,
    trust_domain: TrustDomain,
    population: Arc<Population>,
    coverage: Coverage,
    keys: Keys,
    followers: Followers,
    /// Wakes the sweeper after a delete with `force`.
    swept: Signal,
    metrics: Metrics,
}

/// What a commit does to the number of live objects.
enum Counted<'a> {
    /// One more, for which a place is reserved.
    Arrives(Arrival<'a>),
    /// One less.
    Leaves,
    /// As many.
    Stays,
}

/// What the use cases rest on.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) store: Store,
    pub(crate) history: History,
    pub(crate) quotas: Quotas,
    pub(crate) trust_domain: TrustDomain,
    pub(crate) keys: Keys,
    pub(crate) swept: Signal,
    pub(crate) metrics: Metrics,
}

impl Registry {
    /// The use cases over an open store, with what every tenant holds counted, and what keeps that count up.
    pub(crate) async fn open(ground: Ground) -> Result<(Self, Feed<Population>), Error> {
        let Ground { store, history, quotas, trust_domain, keys, swept, metrics } = ground;
        let rows = Rows::new(store);
        let population = Arc::new(Population::new(metrics.clone()));
        let feed = cache::open(rows.store(), Arc::clone(&population)).await?;
        let (coverage, followers) = (Coverage::default(), Followers::default());
        let registry = Self {
            rows,
            history,
            quotas,
            trust_domain,
            population,
            coverage,
            keys,
            followers,
            swept,
            metrics,
        };
        Ok((registry, feed))
    }

    /// The rows, for watches and server info.
    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// What is remembered.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Who answers from what the watches tell.
    pub(crate) fn followers(&self) -> &Followers {
        &self.followers
    }

    /// Brings the metrics of live objects and lost races up to date.
    pub(crate) fn show_figures(&self) {
        self.population.show();
        self.metrics.lost_races(resource::tries::lost_races());
    }

    /// The settings that tenants show.
    pub(crate) fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// The installation's trust domain, which tenants show.
    pub(crate) fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// What a check of one object depends on besides the object.
    pub(crate) fn rules(&self, allow_null_island: bool) -> Rules {
        Rules { quotas: self.quotas.clone(), allow_null_island }
    }

    /// The etag of an object that last changed at `revision`; empty for what is not written.
    pub(crate) fn etag(&self, revision: Revision) -> String {
        if revision == Revision::ZERO {
            return String::new();
        }
        Etag::new(self.rows.store().epoch(), revision).to_string()
    }

    /// Who writes in a tenant, for history.
    fn author<'a>(&'a self, write: &'a Write, tenant: Uuid) -> Author<'a> {
        Author { history: &self.history, by: &write.by, tenant }
    }

    /// A tenant's uid, for history; nil for one that is not there, which owns nothing.
    pub(crate) async fn uid_of(&self, tenant: &TenantName) -> Result<Uuid, Error> {
        let found =
            self.rows.get::<crate::domain::TenantSpec>(tenant, store::At::Published).await?;
        Ok(found.map_or_else(Uuid::nil, |found| found.resource.meta.uid))
    }

    /// Does a write once. The first answer may have been lost while it waited for those who follow, so a repeat waits too.
    async fn once<S: Kept>(
        &self,
        write: &Write,
        work: impl Future<Output = Result<Found<S>, Error>> + Send,
    ) -> Result<Found<S>, Error> {
        match write::once(self.rows.store(), write, work).await? {
            Ran::Now(found) => Ok(found),
            Ran::Before(answer, revision) => {
                self.settle(revision).await;
                Ok(Rows::remembered(answer, revision)?)
            }
        }
    }

    /// Waits until what was taken out of service at `revision` is out of every follower's answers, or long enough.
    async fn settle(&self, revision: Revision) {
        let settled = self.followers.settle(revision).await;
        self.metrics.withdrawal(settled);
        if !settled {
            tracing::warn!(%revision, "a follower has not confirmed a withdrawal in time");
        }
    }

    /// Commits an object's changes and counts it. `None`: the race was lost, decide again.
    async fn commit<S: Kept>(
        &self,
        changes: Changes,
        write: &Write,
        resource: Resource<S>,
        counted: Counted<'_>,
    ) -> Result<Option<Found<S>>, Error> {
        let mut commit = changes.finish();
        if let Some(request) = &write.request {
            let answer = record::encode::<S::Stored>(&resource).map_err(Fault::from)?;
            commit = commit.idempotent(request.clone(), answer);
        }
        match self.rows.store().commit(commit).await {
            Ok(Committed { revision, replay: None }) => {
                match counted {
                    Counted::Arrives(arrival) => arrival.done(),
                    Counted::Leaves => {
                        self.population.left(&Rows::place::<S>(&resource.name), revision);
                    }
                    Counted::Stays => {}
                }
                Ok(Some(Found::made(resource, revision)))
            }
            Ok(Committed { revision, replay: Some(answer) }) => {
                Ok(Some(Rows::remembered(answer, revision)?))
            }
            Err(CommitError::Precondition { .. }) => Ok(None),
            Err(error) => Err(Fault::from(error).into()),
        }
    }
}
