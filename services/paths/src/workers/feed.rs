//! Following a sibling: memory first, then disk.
//!
//! Always holds: what a sibling told is in answers before it is on disk, and a resume token is on disk
//! only with all that it covers; a sibling that is gone changes nothing but the age of the copy.

use std::sync::Arc;

use names::TenantName;
use rpc::watch::{Follower, Source, Update};
use runtime::{Clock, health::ServiceHealth};
use tokio_util::sync::CancellationToken;

use crate::{
    clients::{Told, provisioning::TrustFact},
    domain::model::{Fact, Membership},
    metrics::Metrics,
    service::{index::Index, trust::Trust},
    store::{Mirror, keys::Area},
};

/// What takes in the facts of one sibling.
pub trait Sink: Send {
    /// What the sibling tells.
    type Fact: Clone + Send + Sync;
    /// Whose facts they are.
    const AREA: Area;

    /// Everything there is.
    fn reset(&mut self, facts: Vec<Self::Fact>, now: jiff::Timestamp);
    /// One commit.
    fn apply(&mut self, facts: Vec<Self::Fact>, now: jiff::Timestamp);
    /// Nothing changed.
    fn alive(&mut self, now: jiff::Timestamp);
}

/// Registry's facts go to the index, and the deleted connectors among them to the deny list.
#[derive(Debug)]
pub struct ConfigurationSink {
    /// Takes the configuration.
    pub index: Arc<Index>,
    /// Takes the deleted connectors.
    pub trust: Arc<Trust>,
    /// Released with the first snapshot.
    pub hold: Option<runtime::health::Hold>,
}

impl Sink for ConfigurationSink {
    type Fact = Fact;
    const AREA: Area = Area::Registry;

    fn reset(&mut self, facts: Vec<Fact>, now: jiff::Timestamp) {
        self.index.reset(facts, now);
        self.trust.set_deleted(self.index.deleted());
        if let Some(hold) = self.hold.take() {
            hold.release();
        }
        let tenants = self.index.tenants().len();
        tracing::info!(tenants, "the configuration was loaded from registry");
    }

    fn apply(&mut self, facts: Vec<Fact>, now: jiff::Timestamp) {
        for fact in &facts {
            if let Fact::Connector(name, membership) = fact {
                self.trust.connector(name, matches!(membership, Membership::Deleted));
            }
        }
        self.index.apply(facts, now);
    }

    fn alive(&mut self, now: jiff::Timestamp) {
        self.index.confirm(now);
    }
}

/// Provisioning's facts go to the trust bundles and the deny list.
#[derive(Debug)]
pub struct TrustSink {
    /// Takes them.
    pub trust: Arc<Trust>,
}

impl Sink for TrustSink {
    type Fact = TrustFact;
    const AREA: Area = Area::Provisioning;

    fn reset(&mut self, facts: Vec<TrustFact>, now: jiff::Timestamp) {
        let tenants: Vec<&TenantName> = facts
            .iter()
            .filter_map(|fact| match fact {
                TrustFact::Roots(tenant, _) => Some(tenant),
                TrustFact::Refused(..) => None,
            })
            .collect();
        tracing::info!(tenants = tenants.len(), "trust bundles were loaded from provisioning");
        self.trust.reset(facts);
        self.trust.heard(now);
    }

    fn apply(&mut self, facts: Vec<TrustFact>, now: jiff::Timestamp) {
        self.trust.apply(facts);
        self.trust.heard(now);
    }

    fn alive(&mut self, now: jiff::Timestamp) {
        self.trust.heard(now);
    }
}

/// What every feed needs beside its sibling.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Time.
    pub clock: Clock,
    /// Says whether the sibling is in reach.
    pub health: ServiceHealth,
    /// Counts.
    pub metrics: Metrics,
    /// Ends the feed.
    pub stop: CancellationToken,
}

/// Hears from where to resume as soon as all before it is in answers.
pub type Applied = tokio::sync::watch::Sender<String>;

/// Follows a sibling until told to stop.
pub async fn follow<K, S>(
    source: S,
    mut sink: K,
    mut mirror: Mirror,
    around: Surroundings,
    applied: Applied,
    jitter_seed: u64,
) where
    K: Sink,
    S: Source<Event = Told<K::Fact>>,
{
    let token = mirror.progress().resume_token.clone();
    let mut follower = Follower::new(source, token, jitter_seed);
    let sibling = K::AREA.word();
    let mut reached = None;
    loop {
        let Some(update) = around.stop.run_until_cancelled(follower.next()).await else { return };
        let now = around.clock.now();
        let in_reach = !matches!(update, Update::Lost(_));
        if reached != Some(in_reach) {
            reached = Some(in_reach);
            around.health.sibling(sibling, in_reach);
            if let Update::Lost(status) = &update {
                let (code, message) = (status.code(), status.message());
                tracing::warn!(
                    sibling,
                    ?code,
                    message,
                    "a sibling is lost; answers rest on the copy"
                );
            } else {
                tracing::info!(sibling, "a sibling is followed");
            }
        }
        take(update, &mut sink, &mut mirror, now);
        if in_reach {
            applied.send_replace(follower.resume_token().to_owned());
            around.metrics.heard(K::AREA, now);
            if let Err(error) = mirror.save(follower.resume_token(), now).await {
                around.metrics.save_failed(K::AREA);
                let error = error.to_string();
                tracing::error!(sibling, error, "the copy could not be written; it is tried again");
            }
        }
    }
}

fn take<K: Sink>(
    update: Update<Told<K::Fact>>,
    sink: &mut K,
    mirror: &mut Mirror,
    now: jiff::Timestamp,
) {
    match update {
        Update::Reset(told) => {
            let rows = told.iter().map(|one| (one.name.as_str(), one.message.as_deref()));
            mirror.reset(rows);
            sink.reset(told.into_iter().map(|one| one.fact).collect(), now);
        }
        Update::Commit(told) => {
            for one in &told {
                mirror.put(&one.name, one.message.as_deref());
            }
            sink.apply(told.into_iter().map(|one| one.fact).collect(), now);
        }
        Update::Alive => sink.alive(now),
        Update::Lost(_) => {}
    }
}
