//! Real connectors: the agent that ships, with its own key, sockets and state directory.
//!
//! Always holds: a connector joins with a join token, like any other; it stops with a goodbye, or as a lost host does.

use std::{path::PathBuf, time::Duration};

use connector::{Agent, AgentError, Backoff, Dialer, Phase, Progress, Settings, TcpDialer};
use names::{AppConnectorName, JoinToken};
use runtime::Clock;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::eventually;

/// A running connector. Dropping it is a lost host: no goodbye.
pub struct Connector {
    progress: watch::Receiver<Progress>,
    stop: CancellationToken,
    running: AbortOnDropHandle<Result<(), AgentError>>,
    state: TempDir,
}

impl Connector {
    /// Starts a connector that dials as the system does.
    ///
    /// # Panics
    /// If the join token is none, or there is no temporary directory.
    #[must_use]
    pub fn start(join_token: &str) -> Self {
        Self::start_with(join_token, TcpDialer)
    }

    /// Starts a connector on a clock that the story moves.
    ///
    /// # Panics
    /// As [`Connector::start`].
    #[must_use]
    pub fn start_on(clock: Clock, join_token: &str) -> Self {
        let token = join_token.parse().expect("a join token");
        Self::launch(Some(token), fresh_state(), TcpDialer, clock)
    }

    /// Starts a connector with a dialer of its own.
    ///
    /// # Panics
    /// As [`Connector::start`].
    #[must_use]
    pub fn start_with(join_token: &str, dialer: impl Dialer) -> Self {
        let token = join_token.parse().expect("a join token");
        Self::launch(Some(token), fresh_state(), dialer, Clock::system())
    }

    fn launch(
        join_token: Option<JoinToken>,
        state: TempDir,
        dialer: impl Dialer,
        clock: Clock,
    ) -> Self {
        let settings =
            Settings { state_dir: state_dir(&state), join_token, backoff: Backoff::default() };
        let agent = Agent::new(settings, dialer, clock, rand::random());
        let (progress, stop) = (agent.progress(), CancellationToken::new());
        let running = AbortOnDropHandle::new(tokio::spawn(agent.run(stop.clone())));
        Self { progress, stop, running, state }
    }

    /// Waits until it reports, and says its name.
    pub async fn reporting(&self) -> AppConnectorName {
        eventually("the connector reports", || async {
            let progress = self.progress.borrow();
            match (&progress.app_connector, progress.phase) {
                (Some(name), Phase::Reporting) => Ok(name.clone()),
                _ => Err(format!("{progress:?}")),
            }
        })
        .await
    }

    /// What it shows of itself now.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Stops it as an operator does: with a goodbye.
    ///
    /// # Errors
    /// What it ended with, if it could not go on.
    ///
    /// # Panics
    /// If it panicked.
    pub async fn stop(self) -> Result<TempDir, AgentError> {
        self.stop.cancel();
        self.running.await.expect("the connector panicked")?;
        Ok(self.state)
    }

    /// Waits for it to end on its own.
    ///
    /// # Errors
    /// Why it ended.
    ///
    /// # Panics
    /// If it panicked.
    pub async fn ended(self) -> Result<(), AgentError> {
        self.running.await.expect("the connector panicked")
    }

    /// Waits for it to end on its own, and gives its state back.
    ///
    /// # Panics
    /// If it goes on, or panicked.
    pub async fn ended_within(self, patience: Duration) -> (Result<(), AgentError>, TempDir) {
        let ended = tokio::time::timeout(patience, self.running).await;
        let ended =
            ended.unwrap_or_else(|_| panic!("it goes on after {patience:?}: {:?}", self.progress));
        (ended.expect("the connector panicked"), self.state)
    }

    /// Waits until it has joined, or says why it never will.
    ///
    /// # Errors
    /// Why it ended.
    ///
    /// # Panics
    /// If it panicked.
    pub async fn joined_or_ended(mut self) -> Result<Self, AgentError> {
        let joined =
            self.progress.wait_for(|p| p.app_connector.is_some() || p.phase == Phase::Stopped);
        let joined = joined.await.is_ok_and(|progress| progress.app_connector.is_some());
        match joined {
            true => Ok(self),
            false => match self.running.await.expect("the connector panicked") {
                Ok(()) => unreachable!("nobody told it to stop"),
                Err(error) => Err(error),
            },
        }
    }

    /// Starts it again on the state that [`Connector::stop`] gave back, without a join token.
    #[must_use]
    pub fn restart(state: TempDir) -> Self {
        Self::launch(None, state, TcpDialer, Clock::system())
    }

    /// As [`Connector::restart`], with a join token.
    ///
    /// # Panics
    /// If the join token is none.
    #[must_use]
    pub fn restart_with(state: TempDir, join_token: &str) -> Self {
        Self::launch(
            Some(join_token.parse().expect("a join token")),
            state,
            TcpDialer,
            Clock::system(),
        )
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("progress", &*self.progress.borrow())
            .finish_non_exhaustive()
    }
}

fn fresh_state() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn state_dir(state: &TempDir) -> PathBuf {
    state.path().join("connector")
}

/// Takes away what enrolment gave, as if the reply had never been written; the key pair stays.
///
/// # Errors
/// If there is nothing to take away.
pub fn forget_identity(state: &TempDir) -> std::io::Result<()> {
    std::fs::remove_file(state_dir(state).join("identity.json"))
}
