//! Questions: which connector should carry the traffic, and why.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use names::TenantName;
use rpc::access::Authorised;

use super::{
    index::{Freshness, Index, Tenant},
    token::Sealer,
    trust::Trust,
};
use crate::{
    domain::{
        candidates::verdict::Reason,
        choice::{answer::Answer, select::Depth},
        question::{
            asked::Asked, client_network::ClientNetworks, location::place, moment::Moment,
            query::Query,
        },
    },
    live::view::{Evaluated, TenantView},
    metrics::Metrics,
};

/// Answers questions from the index.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    index: Arc<Index>,
    trust: Arc<Trust>,
    sealer: Sealer,
    settings: SelectSettings,
    metrics: Metrics,
}

/// What an installation decides about answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SelectSettings {
    /// How many replicas answer.
    pub(crate) replicas: u32,
    /// Age from which on the configuration counts as stale.
    pub(crate) stale_after: Duration,
    /// How long an ended certificate counts while provisioning cannot be reached.
    pub(crate) certificate_grace: Duration,
}

/// A question as it comes in, with the moment that it came at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// What the caller says.
    pub(crate) query: &'a Query,
    /// The token of the client's last answer; empty: none.
    pub(crate) previous: &'a str,
    /// Now.
    pub(crate) now: Timestamp,
    /// Randomness for the jitter of the time to live.
    pub(crate) seed: u64,
}

/// An answer with what it rests on.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// The answer.
    pub(crate) answer: Answer,
    /// The token for the next question; empty without a path.
    pub(crate) token: String,
    /// The configuration behind it.
    pub(crate) freshness: Freshness,
    /// Whether that is older than the staleness limit.
    pub(crate) stale: bool,
    /// When it was given.
    pub(crate) now: Timestamp,
}

/// A question with its answer, the effects of which are not applied yet.
struct Considered {
    evaluated: Evaluated,
    /// The tenant as it was read for the question, if it exists.
    known: Option<(Arc<Tenant>, Arc<TenantView>)>,
    freshness: Freshness,
    stale: bool,
}

impl Selector {
    /// Over the index.
    #[must_use]
    pub(crate) fn new(
        index: Arc<Index>,
        trust: Arc<Trust>,
        sealer: Sealer,
        settings: SelectSettings,
        metrics: Metrics,
    ) -> Self {
        Self { index, trust, sealer, settings, metrics }
    }

    /// Chooses, and applies the effects: the application is in use, the connector has one more session, and a priority
    /// that has fallen is remembered.
    #[must_use]
    pub(crate) fn select(
        &self,
        tenant: &Authorised<TenantName>,
        question: &Question<'_>,
    ) -> Answered {
        let considered = self.consider(tenant, question, Depth::Select);
        let evaluated = &considered.evaluated;
        if let Some((tenant, view)) = &considered.known
            && view.apply(evaluated, question.query, question.now)
        {
            tenant.announce();
        }
        self.metrics.selected(&evaluated.answer);
        self.answered(considered, question.now)
    }

    /// Answers as [`Selector::select`] would, with every connector considered, and changes nothing.
    #[must_use]
    pub(crate) fn explain(
        &self,
        tenant: &Authorised<TenantName>,
        question: &Question<'_>,
    ) -> Answered {
        let considered = self.consider(tenant, question, Depth::Explain);
        self.answered(considered, question.now)
    }

    fn consider(&self, tenant: &TenantName, question: &Question<'_>, depth: Depth) -> Considered {
        let freshness = self.index.freshness();
        let moment = self.moment(question, &freshness);
        let query = question.query;
        let known = self.index.tenant(tenant).map(|tenant| {
            let view = tenant.view();
            (tenant, view)
        });
        let evaluated = match &known {
            Some((_, view)) => {
                let previous = self.sealer.open(question.previous);
                let location = place(query, &view.snapshot.client_networks);
                let previous = previous.as_ref();
                view.answer(&Asked { query, location, previous, moment: &moment }, depth)
            }
            None => {
                let reason = match self.index.is_ready() {
                    true => Reason::TenantUnknown,
                    false => Reason::SnapshotNotReady,
                };
                Answer::without(reason, place(query, &ClientNetworks::default())).into()
            }
        };
        Considered { evaluated, known, freshness, stale: moment.stale_configuration }
    }

    fn answered(&self, considered: Considered, now: Timestamp) -> Answered {
        let Considered { evaluated: Evaluated { answer, .. }, known: _, freshness, stale } =
            considered;
        let path = answer.outcome.as_ref().ok();
        let token = path.map(|path| self.sealer.seal(&path.hold)).unwrap_or_default();
        Answered { answer, token, freshness, stale, now }
    }

    fn moment(&self, question: &Question<'_>, freshness: &Freshness) -> Moment {
        let Question { now, seed, .. } = *question;
        let SelectSettings { replicas, stale_after, certificate_grace } = self.settings;
        Moment {
            now,
            replicas,
            certificate_grace: match self.trust.is_fresh(now) {
                true => Duration::ZERO,
                false => certificate_grace,
            },
            stale_configuration: freshness.is_stale(stale_after, now),
            hash_key: self.sealer.hash_key(),
            seed,
        }
    }
}
