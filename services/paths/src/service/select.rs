//! Questions: which connector should carry the traffic, and why.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use names::TenantName;
use rpc::access::Authorised;

use super::{
    index::{Freshness, Index},
    token::Sealer,
    trust::Trust,
};
use crate::{
    domain::{
        candidates::{assess::Moment, verdict::Reason},
        choice::{
            priority,
            select::{Answer, Depth, select},
        },
        question::query::Query,
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
    pub fn select(
        &self,
        tenant: &Authorised<TenantName>,
        query: &Query,
        previous: &str,
        now: Timestamp,
        seed: u64,
    ) -> Answered {
        let answered = self.answer(tenant, query, previous, now, seed, Depth::Select);
        let answer = &answered.answer;
        if let Some(known) = self.index.tenant(tenant) {
            if answer.begins_use {
                known.announce();
            }
            if let (Some(serving), Some(segment)) = (answer.serving, &answer.segment)
                && serving.fallen != 0
            {
                let live = &known.snapshot().live;
                let memory = live.segment(&segment.application_segment);
                priority::remember(serving, &memory, now.as_millisecond());
            }
        }
        if let Ok(path) = &answer.outcome
            && path.is_new
            && let Some(connector) = self.index.connector(&path.ranked[0].connector)
        {
            connector.grant();
        }
        self.metrics.selected(answer);
        answered
    }

    /// Answers as [`Selector::select`] would, with every connector considered, and counts nothing.
    #[must_use]
    pub fn explain(
        &self,
        tenant: &Authorised<TenantName>,
        query: &Query,
        previous: &str,
        now: Timestamp,
        seed: u64,
    ) -> Answered {
        self.answer(tenant, query, previous, now, seed, Depth::Explain)
    }

    fn answer(
        &self,
        tenant: &TenantName,
        query: &Query,
        previous: &str,
        now: Timestamp,
        seed: u64,
        depth: Depth,
    ) -> Answered {
        let freshness = self.index.freshness();
        let moment = Moment {
            now,
            replicas: self.settings.replicas,
            certificate_grace: if self.trust.is_fresh(now) {
                Duration::ZERO
            } else {
                self.settings.certificate_grace
            },
            stale_configuration: freshness.is_stale(self.settings.stale_after, now),
            hash_key: self.sealer.hash_key(),
            seed,
        };
        let answer = match self.index.tenant(tenant) {
            None if self.index.is_ready() => Answer::without(Reason::TenantUnknown, query),
            None => Answer::without(Reason::SnapshotNotReady, query),
            Some(known) => {
                let previous = self.sealer.open(previous);
                select(&known.snapshot(), query, previous.as_ref(), &moment, depth)
            }
        };
        let token = answer
            .outcome
            .as_ref()
            .map_or_else(|_| String::new(), |path| self.sealer.seal(&path.hold));
        Answered { answer, token, freshness, stale: moment.stale_configuration, now }
    }
}
