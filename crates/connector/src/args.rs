//! `causeway connector`: the command line of the agent.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use names::JoinToken;
use runtime::Clock;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{Agent, Settings},
    backoff::Backoff,
    dial::TcpDialer,
    error::AgentError,
};

/// Runs an app connector on this host.
#[derive(Clone, Debug, Parser)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `causeway connector` does.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Enrols if needed, then reports until SIGTERM or Ctrl-C.
    Run(RunArgs),
}

/// Arguments of `causeway connector run`.
#[derive(Clone, Debug, Parser)]
pub struct RunArgs {
    /// The `join_token` of the reply that created the provisioning key; needed until the connector has enrolled.
    /// Prefer the environment: arguments can be seen by other users of the host.
    #[arg(long, env = "CAUSEWAY_CONNECTOR_JOIN_TOKEN", hide_env_values = true)]
    pub join_token: Option<String>,
    /// Where the connector keeps its key and identity; made with mode 0700 if absent.
    #[arg(
        long,
        env = "CAUSEWAY_CONNECTOR_STATE_DIR",
        default_value = "/var/lib/causeway-connector"
    )]
    pub state_dir: PathBuf,
}

/// Runs the command until SIGTERM or Ctrl-C.
///
/// # Errors
/// [`AgentError`] if the connector can never work as it stands.
pub async fn run(args: Args) -> Result<(), AgentError> {
    let Command::Run(args) = args.command;
    let join_token = args.join_token.as_deref().map(str::parse::<JoinToken>).transpose()?;
    let settings = Settings { state_dir: args.state_dir, join_token, backoff: Backoff::default() };
    let agent = Agent::new(settings, TcpDialer, Clock::system(), rand::random());
    let stop = CancellationToken::new();
    let canceller = stop.clone();
    let running = agent.run(stop);
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => ended,
        () = stop_requested() => {
            canceller.cancel();
            running.await
        }
    }
}

async fn stop_requested() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
