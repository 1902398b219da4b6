//! The tree of commands.

use std::{future::Future, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use runtime::telemetry::{self, Format, TelemetrySettings};

use crate::{
    client::context::{Context, ContextArguments},
    command::{apply, backup, demo, describe, dev, explain, get, pki, version},
};

/// What a connector logs unless told otherwise: its milestones and troubles.
const CONNECTOR_LOG: &str = "info";

/// Control plane of a private-access network.
#[derive(Parser)]
#[command(name = "causeway", version, about, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    context: ContextArguments,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the whole control plane in one process and keeps its data
    Dev(dev::DevArguments),
    /// Shows the control plane at work: real connectors, real applications, path choices
    Demo(demo::DemoArguments),
    /// Settings and their sources
    Config(dev::ConfigArguments),
    /// Prints objects of a kind
    Get(get::GetArguments),
    /// Prints everything about one object
    Describe(describe::DescribeArguments),
    /// Creates or updates what a file names
    Apply(apply::ApplyArguments),
    /// Shows how a decision is made
    Explain(explain::ExplainArguments),
    /// Writes the stores of running services to files
    Backup(backup::BackupArguments),
    /// Checks backup files
    Verify(backup::VerifyArguments),
    /// Makes a store of a backup file
    Restore(backup::RestoreArguments),
    /// The system's own certificates
    Pki(pki::PkiArguments),
    /// The app connector of this host
    Connector(connector::Args),
    /// Prints versions
    Version(version::VersionArguments),
}

impl Arguments {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let context = || Context::resolve(&self.context);
        match self.command {
            Command::Dev(arguments) => dev::run(&arguments),
            Command::Demo(arguments) => demo::run(&arguments),
            Command::Config(arguments) => dev::show(arguments).map(|()| ExitCode::SUCCESS),
            Command::Get(arguments) => call(get::run(&context()?, arguments)),
            Command::Describe(arguments) => call(describe::run(&context()?, arguments)),
            Command::Apply(arguments) => call(apply::run(&context()?, arguments)),
            Command::Explain(arguments) => call(explain::run(&context()?, arguments)),
            Command::Backup(arguments) => call(backup::backup(&context()?, arguments)),
            Command::Verify(arguments) => call(backup::verify(arguments)),
            Command::Restore(arguments) => call(backup::restore(arguments)),
            Command::Pki(arguments) => pki::run(arguments).map(|()| ExitCode::SUCCESS),
            Command::Connector(arguments) => call(run_connector(arguments)),
            Command::Version(arguments) => call(version::run(&self.context, &arguments)),
        }
    }
}

/// The agent with logs for people; `CAUSEWAY_LOG` changes what is logged.
async fn run_connector(arguments: connector::Args) -> Result<()> {
    let log = std::env::var("CAUSEWAY_LOG").unwrap_or_else(|_| CONNECTOR_LOG.to_owned());
    let settings = TelemetrySettings { log, format: Format::Text, otlp_endpoint: String::new() };
    let telemetry = telemetry::init(&settings, "connector")?;
    let ended = connector::run(arguments).await;
    telemetry.shutdown().await;
    Ok(ended?)
}

/// Runs a command that only calls: one thread is enough for it.
fn call(command: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the asynchronous runtime")?;
    runtime.block_on(command)?;
    Ok(ExitCode::SUCCESS)
}
