//! `main` of a process that hosts one service.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use super::{Addresses, Plan, Service, Settings, Signals, handles};
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
/// A second signal asked for an end without a drain: 128 plus the number of SIGINT, as shells report it.
const EXIT_SIGNAL: u8 = 130;

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
    ExitCode::from(main_with::<S>(std::env::args_os()))
}

/// As [`main`], with the command line as an argument; the first word of it is the program's name.
#[must_use]
pub fn main_with<S: Service>(args: impl IntoIterator<Item = OsString>) -> u8
where
    S::Config: 'static,
{
    let flags = match Flags::try_parse_from(args) {
        Ok(flags) => flags,
        Err(error) => {
            // Help and version are no errors; clap decides where they are printed and the exit code.
            error.print().ok();
            return u8::try_from(error.exit_code()).unwrap_or(EXIT_USAGE);
        }
    };
    let wrong = |error: ConfigError| {
        eprintln!("{error}");
        EXIT_USAGE
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
    let plan = Plan::new(settings.clone(), Clock::system()).host::<S>(config);
    run(&settings, S::NAME, plan)
}

/// Runs a plan on a runtime of its own until a signal or a failure ends it.
#[must_use]
pub fn run(settings: &Settings, name: &'static str, plan: Plan) -> u8 {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if settings.server.worker_threads > 0 {
        builder.worker_threads(settings.server.worker_threads);
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start threads: {error}");
            return EXIT_START;
        }
    };
    let code = runtime.block_on(async {
        let telemetry = match telemetry::init(&settings.telemetry, name) {
            Ok(telemetry) => telemetry,
            Err(error) => {
                eprintln!("{error:#}");
                return EXIT_USAGE;
            }
        };
        handles::take_all(settings.server.max_connections);
        live(name, plan, telemetry).await
    });
    // What has not ended by now was named in the log; it must not delay the exit.
    runtime.shutdown_background();
    code
}

async fn live(name: &'static str, plan: Plan, telemetry: Telemetry) -> u8 {
    let code = match Signals::install() {
        Ok(signals) => start_and_stop(name, plan, signals).await,
        Err(error) => {
            tracing::error!(%error, "signals cannot be heeded");
            EXIT_START
        }
    };
    telemetry.shutdown().await;
    code
}

async fn start_and_stop(name: &'static str, plan: Plan, mut signals: Signals) -> u8 {
    let started = tokio::select! {
        started = plan.start() => started,
        // Nothing serves yet, and a store whose opening is interrupted is intact, as after a crash.
        () = signals.end_requested() => return EXIT_CLEAN,
    };
    let running = match started {
        Ok(running) => running,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "cannot start");
            return EXIT_START;
        }
    };
    let Addresses { main, enrolment, admin } = running.addresses();
    let enrolment = enrolment.map(tracing::field::display);
    tracing::info!(service = name, version = VERSION, %main, enrolment, %admin, "serving");
    let code = match signals.until_the_end(&running).await {
        Ok(()) => EXIT_CLEAN,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "ending after a failure");
            EXIT_FAILED
        }
    };
    tokio::select! {
        end = running.stop() => match end {
            Ok(()) => code,
            Err(problems) => {
                tracing::error!(%problems, "the end was not clean");
                EXIT_FAILED
            }
        },
        // A second signal asks not to wait for the drain.
        () = signals.end_requested() => EXIT_SIGNAL,
    }
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
fn show(effective: &Effective) -> u8 {
    print!("{}", effective.show());
    EXIT_CLEAN
}
