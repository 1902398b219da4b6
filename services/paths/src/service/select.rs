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
        candidates::{snapshot::TenantSnapshot, verdict::Reason},
        choice::{
            priority,
            select::{Answer, Depth, select},
        },
        question::{
            asked::Asked, client_network::ClientNetworks, location::place, moment::Moment,
            query::Query,
        },
    },
    metrics::Metrics,
};

/// Answers questions from the index.
#[derive(Clone, Debug)]
pub struct Selector {
    index: Arc<Index>,
    trust: Arc<Trust>,
    sealer: Sealer,
    settings: SelectSettings,
    metrics: Metrics,
}

/// What an installation decides about answers.
#[derive(Clone, Copy, Debug)]
pub struct SelectSettings {
    /// How many replicas answer.
    pub replicas: u32,
    /// Age from which on the configuration counts as stale.
    pub stale_after: Duration,
    /// How long an ended certificate is taken while provisioning cannot be reached.
    pub certificate_grace: Duration,
}

/// A question as it comes in, with the moment that it came at.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What the caller says.
    pub query: &'a Query,
    /// The token of the client's last answer; empty: none.
    pub previous: &'a str,
    /// Now.
    pub now: Timestamp,
    /// Randomness for the jitter of the time to live.
    pub seed: u64,
}

/// An answer with what it rests on.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The token for the next question; empty without a path.
    pub token: String,
    /// The configuration behind it.
    pub freshness: Freshness,
    /// Whether that is older than the staleness limit.
    pub stale: bool,
    /// When it was given.
    pub now: Timestamp,
}

/// A tenant as it was read for one question.
struct Known {
    tenant: Arc<Tenant>,
    snapshot: Arc<TenantSnapshot>,
}

impl Selector {
    /// Over the index.
    #[must_use]
    pub fn new(
        index: Arc<Index>,
        trust: Arc<Trust>,
        sealer: Sealer,
        settings: SelectSettings,
        metrics: Metrics,
    ) -> Self {
        Self { index, trust, sealer, settings, metrics }
    }

    /// Chooses, and counts the choice: as a use of the application, a grant of the connector, and a fall
    /// of a priority.
    #[must_use]
    pub fn select(&self, tenant: &Authorised<TenantName>, question: &Question<'_>) -> Answered {
        let (answered, known) = self.answer(tenant, question, Depth::Select);
        let answer = &answered.answer;
        if let Some(Known { snapshot, tenant }) = known {
            if answer.begins_use {
                tenant.announce();
            }
            if let (Some(serving), Some(segment)) = (answer.serving, &answer.segment)
                && serving.fallen != 0
            {
                let memory = snapshot.live.segment(&segment.application_segment);
                priority::remember(serving, &memory, question.now.as_millisecond());
            }
            if let Ok(path) = &answer.outcome
                && path.is_new
                && let Some(chosen) =
                    snapshot.connectors.get(&path.ranked[0].connector.app_connector)
            {
                chosen.live.grant();
            }
        }
        self.metrics.selected(answer);
        answered
    }

    /// Answers as [`Selector::select`] would, with every connector considered, and counts nothing.
    #[must_use]
    pub fn explain(&self, tenant: &Authorised<TenantName>, question: &Question<'_>) -> Answered {
        self.answer(tenant, question, Depth::Explain).0
    }

    /// The answer, and the tenant as it was read for it.
    fn answer(
        &self,
        tenant: &TenantName,
        question: &Question<'_>,
        depth: Depth,
    ) -> (Answered, Option<Known>) {
        let freshness = self.index.freshness();
        let moment = self.moment(question, &freshness);
        let known = self.index.tenant(tenant);
        let known = known.map(|tenant| Known { snapshot: tenant.snapshot(), tenant });
        let answer = match &known {
            Some(Known { snapshot, .. }) => {
                let previous = self.sealer.open(question.previous);
                let location = place(question.query, &snapshot.client_networks);
                let previous = previous.as_ref();
                let asked = Asked { query: question.query, location, previous, moment: &moment };
                select(snapshot, &asked, depth)
            }
            None => {
                let missing = if self.index.is_ready() {
                    Reason::TenantUnknown
                } else {
                    Reason::SnapshotNotReady
                };
                Answer::without(missing, place(question.query, &ClientNetworks::default()))
            }
        };
        let token = answer
            .outcome
            .as_ref()
            .map_or_else(|_| String::new(), |path| self.sealer.seal(&path.hold));
        let (stale, now) = (moment.stale_configuration, question.now);
        (Answered { answer, token, freshness, stale, now }, known)
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
