//! The demo's connectors: the agent that ships, one task each, with its own key pair and state directory.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};
use connector::{Agent, AgentError, Backoff, Phase, Progress, Settings};
use runtime::Clock;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{cities, dialer::CityDialer, servers::Application, world::Joinable};

/// How long the whole fleet may take to enrol and report: seconds where it takes one, for a machine under load.
const FLEET_DEADLINE: Duration = Duration::from_secs(60);

/// Running connectors.
pub(crate) struct Fleet {
    agents: JoinSet<Result<(), AgentError>>,
    progress: Vec<watch::Receiver<Progress>>,
    stop: CancellationToken,
}

impl Fleet {
    /// Starts the planned connectors of every group.
    ///
    /// # Errors
    /// When a city is unknown.
    pub(crate) fn start(
        groups: &[Joinable],
        applications: &[Application],
        state: &Path,
        clock: &Clock,
        seed: u64,
    ) -> Result<Self> {
        let mut fleet =
            Self { agents: JoinSet::new(), progress: Vec::new(), stop: CancellationToken::new() };
        for group in groups {
            let city = cities::get(group.plan.city)?;
            for number in 1..=group.plan.connectors {
                let settings = Settings {
                    state_dir: state.join(format!("{}-{number}", group.plan.city)),
                    join_token: Some(group.token.clone()),
                    backoff: Backoff::default(),
                };
                let dialer = CityDialer::new(city, applications);
                let seed = seed.wrapping_add(fleet.progress.len() as u64);
                let agent = Agent::new(settings, dialer, clock.clone(), seed);
                fleet.progress.push(agent.progress());
                fleet.agents.spawn(agent.run(fleet.stop.clone()));
            }
        }
        Ok(fleet)
    }

    /// How many connectors there are.
    pub(crate) fn len(&self) -> usize {
        self.progress.len()
    }

    /// Waits until every connector reports, telling each new count.
    ///
    /// # Errors
    /// When one ends, or the deadline passes; with what the slowest one says.
    pub(crate) async fn all_reporting(&mut self, mut tell: impl FnMut(usize)) -> Result<()> {
        let deadline = Instant::now() + FLEET_DEADLINE;
        for (ready, progress) in self.progress.iter_mut().enumerate() {
            let reporting = progress.wait_for(|progress| progress.phase == Phase::Reporting);
            let waited = tokio::select! {
                waited = timeout_at(deadline, reporting) => waited.map(|state| state.map(drop)),
                Some(ended) = self.agents.join_next() => bail!("a connector ended: {ended:?}"),
            };
            match waited {
                Ok(state) => state.context("a connector ended")?,
                Err(_) => {
                    let Progress { phase, problem, .. } = progress.borrow().clone();
                    bail!("a connector does not report in time; it is {phase:?}: {problem}");
                }
            }
            tell(ready + 1);
        }
        Ok(())
    }

    /// Stops every connector; each says goodbye.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while self.agents.join_next().await.is_some() {}
    }
}
