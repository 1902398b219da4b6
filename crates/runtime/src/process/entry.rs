//! `main` of a process that hosts one service.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use super::{Addresses, Plan, Running, Service, Settings};
use crate::{
    about::VERSION, clock::Clock, config::ConfigError, config::Effective, telemetry,
    telemetry::Telemetry,
};

/// The process drained in time and nothing failed.
const EXIT_CLEAN: u8 = 0;
/// Something vital failed while it ran, or the end was not clean.
const EXIT_FAILED: u8 = 1;
/// Flags or configuration are wrong (clap uses the same number).
const EXIT_USAGE: u8 = 2;
/// It could not start: identity, port or store.
const EXIT_START: u8 = 3;
/// A second signal asked for an end without a drain: 128 and SIGINT's number, as shells say it.
const EXIT_SIGNAL: i32 = 130;

/// Flags of a process that hosts one service.
#[derive(Debug, Parser)]
#[command(version = VERSION, about = "A service of the Causeway control plane")]
struct Flags {
    /// Configuration file (TOML).
    #[arg(long, env = "CAUSEWAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one value, as `--set server.listen=0.0.0.0:7451`; may be repeated.
    #[arg(long, value_name = "SETTING=VALUE")]
    set: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Configuration.
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigAction {
    /// Shows every setting, its value, and where it comes from; secrets are not shown.
    Show,
}

/// Runs the service `S` alone, from flags to exit code.
#[must_use]
pub fn main<S: Service>() -> ExitCode
where
    S::Config: 'static,
{
    let flags = Flags::parse();
    let wrong = |error: ConfigError| {
        eprintln!("{error}");
        ExitCode::from(EXIT_USAGE)
    };
    let effective = match effective::<S>(&flags) {
        Ok(effective) => effective,
        Err(error) => return wrong(error),
    };
    if let Some(Command::Config { action: ConfigAction::Show }) = flags.command {
        return show(&effective);
    }
    let parsed = Settings::read(&effective).and_then(|s| Ok((s, effective.section(S::NAME)?)));
    let (settings, config) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return wrong(error),
    };
    run(settings.clone(), S::NAME, Plan::new(settings, Clock::system()).host::<S>(config))
}

/// Runs a plan on a runtime of its own until a signal or a failure ends it.
#[must_use]
pub fn run(settings: Settings, name: &'static str, plan: Plan) -> ExitCode {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if settings.server.worker_threads > 0 {
        builder.worker_threads(settings.server.worker_threads);
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start threads: {error}");
            return ExitCode::from(EXIT_START);
        }
    };
    runtime.block_on(async {
        let telemetry = match telemetry::init(&settings.telemetry, name) {
            Ok(telemetry) => telemetry,
            Err(error) => {
                eprintln!("{error:#}");
                return ExitCode::from(EXIT_USAGE);
            }
        };
        live(name, plan, telemetry).await
    })
}

async fn live(name: &'static str, plan: Plan, telemetry: Telemetry) -> ExitCode {
    let running = match plan.start().await {
        Ok(running) => running,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "cannot start");
            telemetry.shutdown().await;
            return ExitCode::from(EXIT_START);
        }
    };
    let Addresses { main, enrolment, admin } = running.addresses();
    let enrolment = enrolment.map(tracing::field::display);
    tracing::info!(service = name, version = VERSION, %main, enrolment, %admin, "serving");
    let code = match until_the_end(&running).await {
        Ok(()) => EXIT_CLEAN,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ending after a failure");
            EXIT_FAILED
        }
    };
    // Whoever asks twice does not want to wait.
    tokio::spawn(async {
        if told_to_end().await.is_ok() {
            std::process::exit(EXIT_SIGNAL);
        }
    });
    let code = match running.stop().await {
        Ok(()) => code,
        Err(problems) => {
            tracing::error!(%problems, "the end was not clean");
            EXIT_FAILED
        }
    };
    telemetry.shutdown().await;
    ExitCode::from(code)
}

/// Reloads on SIGHUP; returns when told to end by SIGTERM or SIGINT.
///
/// # Errors
/// If something vital failed.
pub async fn until_the_end(running: &Running) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            reason = running.failed() => anyhow::bail!(reason),
            told = told_to_end() => return Ok(told?),
            _ = hangup.recv() => running.reload(),
        }
    }
}

/// SIGTERM or SIGINT.
async fn told_to_end() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn effective<S: Service>(flags: &Flags) -> Result<Effective, ConfigError> {
    let mut layers = Settings::layers(S::NAME);
    layers.section::<S::Config>(S::NAME);
    if let Some(file) = &flags.config {
        layers.file(file);
    }
    layers.env(std::env::vars());
    for assignment in &flags.set {
        layers.flag(assignment);
    }
    layers.finish()
}

/// What a command prints is its result, not a log.
#[allow(clippy::print_stdout)]
fn show(effective: &Effective) -> ExitCode {
    print!("{}", effective.show());
    ExitCode::from(EXIT_CLEAN)
}
