//! Following a sibling: memory first, then disk.
//!
//! Owns: what a sibling's facts are taken into, and the copy on disk behind it.
//! Always holds: what a sibling told is in answers before it is on disk, and a resume token is on disk
//! only with all that it covers; a sibling that is gone, or a disk that takes no writes, changes nothing but the age of the
//! copy.
//!
//! ## Design notes
//! What cannot be written stays pending and is tried again with the next thing that the sibling says, at the latest with
//! its next bookmark; it is no failure to apply. A full disk must neither keep answers from being current nor have
//! registry asked for everything again and again.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc};

use names::{AppConnectorGroupName, AppConnectorName, CertificateAuthorityName, TenantName};
use runtime::follow::{Position, Sink, Start, Tally};
use tokio::sync::watch;

use crate::{
    clients::{Told, provisioning::TrustFact},
    domain::configuration::model::{Fact, Membership},
    metrics::Metrics,
    service::{index::Index, trust::Trust},
    store::{Mirror, keys::Area},
};

/// What takes in the facts of one sibling; it cannot fail.
pub(crate) trait Memory: Send {
    /// What the sibling tells.
    type Fact: Clone + Send + Sync;
    /// Whose facts they are.
    const AREA: Area;

    /// Names what is held of the sibling's live objects.
    fn held(&self, tally: &mut Tally);
    /// Everything there is.
    fn reset(&mut self, facts: Vec<Self::Fact>, now: jiff::Timestamp);
    /// One commit.
    fn apply(&mut self, facts: Vec<Self::Fact>, now: jiff::Timestamp);
    /// Nothing changed.
    fn alive(&mut self, now: jiff::Timestamp);
}

/// Registry's facts go to the index, and the deleted connectors among them to the deny list.
#[derive(Debug)]
pub(crate) struct ConfigurationMemory {
    /// Takes the configuration.
    pub(crate) index: Arc<Index>,
    /// Takes the deleted connectors.
    pub(crate) trust: Arc<Trust>,
}

impl Memory for ConfigurationMemory {
    type Fact = Fact;
    const AREA: Area = Area::Registry;

    fn held(&self, tally: &mut Tally) {
        self.index.survey(|tenant, configuration| {
            for id in configuration.groups.keys() {
                let name = AppConnectorGroupName::new(tenant.tenant.clone(), id.clone());
                tally.holds("groups", name.to_string());
            }
            for id in configuration.connectors.keys() {
                let name = AppConnectorName::new(tenant.tenant.clone(), id.clone());
                tally.holds("connectors", name.to_string());
            }
        });
    }

    fn reset(&mut self, facts: Vec<Fact>, now: jiff::Timestamp) {
        self.index.reset(facts, now);
        self.trust.set_deleted(self.index.deleted());
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
pub(crate) struct TrustMemory {
    /// Takes them.
    pub(crate) trust: Arc<Trust>,
}

impl Memory for TrustMemory {
    type Fact = TrustFact;
    const AREA: Area = Area::Provisioning;

    fn held(&self, tally: &mut Tally) {
        for tenant in self.trust.tenants() {
            let name = CertificateAuthorityName { tenant: tenant.tenant };
            tally.holds("authorities", name.to_string());
        }
    }

    fn reset(&mut self, facts: Vec<TrustFact>, now: jiff::Timestamp) {
        let tenants: BTreeSet<&TenantName> = facts
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

/// Takes in what a sibling tells: memory, then who waits for that, then disk.
#[derive(Debug)]
pub(crate) struct Feed<M> {
    /// Where answers come from.
    memory: M,
    /// The copy on disk.
    mirror: Mirror,
    metrics: Metrics,
    /// Who waits until it is in answers.
    applied: watch::Sender<String>,
}

impl<M: Memory> Sink for Feed<M> {
    type Event = Told<M::Fact>;
    type Error = Infallible;

    fn start(&self) -> Start {
        let token = self.mirror.progress().resume_token.clone();
        Start { copy_of: token.clone(), resume_token: token }
    }

    fn name(told: &Told<M::Fact>) -> String {
        told.name.clone()
    }

    async fn held(&mut self, tally: &mut Tally) -> Result<(), Infallible> {
        self.memory.held(tally);
        Ok(())
    }

    async fn reset(&mut self, all: &[Told<M::Fact>], at: &Position<'_>) -> Result<(), Infallible> {
        self.mirror.reset(all.iter().map(|one| (one.name.as_str(), one.message.as_deref())));
        self.memory.reset(facts(all), at.now);
        self.passed(at).await;
        Ok(())
    }

    async fn apply(
        &mut self,
        commit: &[Told<M::Fact>],
        at: &Position<'_>,
    ) -> Result<(), Infallible> {
        for one in commit {
            self.mirror.put(&one.name, one.message.as_deref());
        }
        self.memory.apply(facts(commit), at.now);
        self.passed(at).await;
        Ok(())
    }

    async fn alive(&mut self, at: &Position<'_>) {
        self.memory.alive(at.now);
        self.passed(at).await;
    }
}

impl<M: Memory> Feed<M> {
    /// Into this memory, with this copy on disk behind it.
    #[must_use]
    pub(crate) fn new(memory: M, mirror: Mirror, metrics: Metrics) -> Self {
        Self { memory, mirror, metrics, applied: watch::Sender::default() }
    }

    /// Tells from where to resume as soon as all before it is in answers.
    #[must_use]
    pub(crate) fn applied(&self) -> watch::Receiver<String> {
        self.applied.subscribe()
    }

    /// It is in answers; now disk may follow.
    async fn passed(&mut self, at: &Position<'_>) {
        self.applied.send_replace(at.token.to_owned());
        if let Err(error) = self.mirror.save(at.token, at.now).await {
            self.metrics.save_failed(M::AREA);
            let (sibling, error) = (M::AREA.word(), error.to_string());
            tracing::error!(sibling, error, "the copy could not be written; it is tried again");
        }
    }
}

fn facts<F: Clone>(told: &[Told<F>]) -> Vec<F> {
    told.iter().map(|one| one.fact.clone()).collect()
}
