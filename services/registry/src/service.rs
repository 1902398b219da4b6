//! The use cases: the only place that orders check, write and answer.
//!
//! Owns: what is read before a write, which preconditions the commit carries for what was read, and what a
//! lost race means. Always holds: a use case decides on what it read, and its commit fails if any of that changed
//! in between; then it decides again, at most [`MAX_ATTEMPTS`] times. Use cases take `Authorised`
//! scopes, which only the access layer makes.
//! Absent on purpose: the rules of single objects (`domain`), keys (`store`), messages (`grpc`).
//!
//! Read in this order: `create`, `update`, `delete`, `undelete`, `purge`, `registration`, `read`, then what they share: `checks`,
//! `coverage` (domain conflicts), `population` (quotas), `followers` (who must know of a withdrawal before it is answered).
//!
//! ## Design notes
//! The five kinds share one create, update and delete, generic over [`Linked`](crate::store::Linked); what is special to a kind is in its
//! `Linked` and in `delete` (groups, tenants). The other choice, a file of use cases for each noun, repeats
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
mod undelete;
mod update;

use jiff::Timestamp;
use names::TrustDomain;
use runtime::Clock;
use store::{CommitError, Committed, Etag, IdempotencyKey, Revision, Store};

pub(crate) use followers::{Followers, Following};
pub(crate) use read::{ListQuery, Page, batch_names};
pub(crate) use update::Edit;

use crate::{
    clients::Keys,
    domain::{Quotas, Resource, Rules, Spec, Violations},
    error::Error,
    metrics::Metrics,
    store::{Changes, Found, Rows, decode, encode},
};
use coverage::Coverage;
use population::{Move, Population};

/// How often a write is decided anew after a lost race. Each loss means that somebody else's write went
/// through, so eight are enough unless something is wrong.
pub(crate) const MAX_ATTEMPTS: usize = 8;

/// The registry's use cases. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub(crate) struct Registry {
    rows: Rows,
    clock: Clock,
    quotas: Quotas,
    trust_domain: TrustDomain,
    population: Population,
    coverage: Coverage,
    keys: Keys,
    followers: Followers,
    metrics: Metrics,
}

/// How a caller wants a write done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writing {
    /// Makes the call repeatable.
    pub(crate) request: Option<IdempotencyKey>,
    /// Check, do not write.
    pub(crate) validate_only: bool,
    /// The version that the caller read; `None`: whatever there is.
    pub(crate) etag: Option<Etag>,
    /// 0/0 is meant.
    pub(crate) allow_null_island: bool,
    /// What was wrong with the message already.
    pub(crate) problems: Violations,
}

impl Registry {
    /// The use cases over an open store. Counts what every tenant holds.
    pub(crate) async fn open(
        store: Store,
        clock: Clock,
        quotas: Quotas,
        trust_domain: TrustDomain,
        keys: Keys,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        let rows = Rows::new(store);
        let population = Population::count(&rows, metrics.clone()).await?;
        let (coverage, followers) = (Coverage::default(), Followers::default());
        Ok(Self {
            rows,
            clock,
            quotas,
            trust_domain,
            population,
            coverage,
            keys,
            followers,
            metrics,
        })
    }

    /// The rows, for watches and server info.
    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Who answers from what the watches tell.
    pub(crate) fn followers(&self) -> &Followers {
        &self.followers
    }

    /// Brings the metric of live objects up to date.
    pub(crate) fn show_population(&self) {
        self.population.show();
    }

    /// The settings that tenants show.
    pub(crate) fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// The installation's trust domain, which tenants show.
    pub(crate) fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The etag of an object that last changed at `revision`; empty for what is not written.
    pub(crate) fn etag(&self, revision: Revision) -> String {
        if revision == Revision::ZERO {
            return String::new();
        }
        Etag::new(self.rows.store().epoch(), revision).to_string()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn rules(&self, writing: &Writing) -> Rules {
        Rules { quotas: self.quotas.clone(), allow_null_island: writing.allow_null_island }
    }

    /// What a request was answered before, if it is a repeat.
    async fn replay<S: Spec>(&self, writing: &Writing) -> Result<Option<Found<S>>, Error> {
        let Some(request) = &writing.request else { return Ok(None) };
        match self.rows.store().find_committed(request).await? {
            Some(Committed { revision, replay: Some(answer) }) => {
                Ok(Some(Found { resource: decode(&answer)?, revision }))
            }
            _ => Ok(None),
        }
    }

    /// Does a write once. A repeat is answered with the first success, also when the first finished only while this one
    /// was being decided: then what refused this one (the id is taken, the etag stale) is the first one's own doing.
    async fn once<S: Spec>(
        &self,
        writing: &Writing,
        write: impl Future<Output = Result<Found<S>, Error>> + Send,
    ) -> Result<Found<S>, Error> {
        if let Some(first) = self.replay(writing).await? {
            // The first answer may have been lost while it waited.
            self.settle(first.revision).await;
            return Ok(first);
        }
        match write.await {
            Err(error) => Ok(self.replay(writing).await.ok().flatten().ok_or(error)?),
            made => made,
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

    /// Commits an object's changes and settles the count. `None`: the race was lost, decide again.
    async fn commit<S: Spec>(
        &self,
        changes: Changes,
        writing: &Writing,
        resource: Resource<S>,
        counted: Option<Move<'_>>,
    ) -> Result<Option<Found<S>>, Error> {
        let mut commit = changes.finish();
        if let Some(request) = &writing.request {
            commit = commit.idempotent(request.clone(), encode(&resource)?);
        }
        match self.rows.store().commit(commit).await {
            Ok(Committed { revision, replay: None }) => {
                counted.into_iter().for_each(Move::done);
                Ok(Some(Found { resource, revision }))
            }
            Ok(Committed { revision, replay: Some(answer) }) => {
                counted.into_iter().for_each(Move::refused);
                Ok(Some(Found { resource: decode(&answer)?, revision }))
            }
            Err(CommitError::Precondition { .. }) => {
                self.metrics.lost_race(S::KIND);
                counted.into_iter().for_each(Move::refused);
                Ok(None)
            }
            // Left in doubt by the drop of `counted`.
            Err(error @ CommitError::OutcomeUnknown(_)) => Err(error.into()),
            Err(error) => {
                counted.into_iter().for_each(Move::refused);
                Err(error.into())
            }
        }
    }
}
