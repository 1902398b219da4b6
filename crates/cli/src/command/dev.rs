//! `causeway dev`: the control plane in one process, for daily use.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use runtime::{
    Clock,
    config::Effective,
    process::{Running, until_the_end},
    telemetry,
};

use crate::{
    client::{context::DEV_DIR, output},
    dev::{
        bootstrap,
        home::{Home, Randomness},
        host,
    },
};

/// The tenant of a fresh installation.
const DEFAULT_TENANT: &str = "default";

/// Arguments of `dev`.
#[derive(Args)]
pub(crate) struct DevArguments {
    /// Directory for certificates, token, context and stores; kept across restarts
    #[arg(long, default_value = DEV_DIR)]
    dir: PathBuf,
    #[command(flatten)]
    settings: SettingArguments,
}

/// Flags that change settings.
#[derive(Args, Clone, Default)]
pub(crate) struct SettingArguments {
    /// Configuration file (TOML)
    #[arg(long, env = "CAUSEWAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one value, as `--set server.listen=127.0.0.1:9443`; may be repeated
    #[arg(long, value_name = "SETTING=VALUE")]
    set: Vec<String>,
}

/// Arguments of `config`.
#[derive(Args)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    action: ConfigAction,
}

#[derive(Subcommand)]
enum ConfigAction {
    /// Shows every setting of `causeway dev`, its value and where it comes from; secrets are not shown
    Show(ShowArguments),
}

#[derive(Args)]
struct ShowArguments {
    /// Directory as with `causeway dev`
    #[arg(long, default_value = DEV_DIR)]
    dir: PathBuf,
    #[command(flatten)]
    settings: SettingArguments,
}

/// Prints every setting.
pub(crate) fn show(arguments: ConfigArguments) -> Result<()> {
    let ConfigAction::Show(ShowArguments { dir, settings }) = arguments.action;
    output::write_out(&effective(&Home::at(&dir), &[], &settings)?.show())
}

/// The settings after all layers; `presets` are defaults of the process.
pub(crate) fn effective(
    home: &Home,
    presets: &[(&str, &str)],
    arguments: &SettingArguments,
) -> Result<Effective> {
    let mut layers = host::layers(home);
    for (setting, value) in presets {
        layers.preset(setting, *value);
    }
    if let Some(file) = &arguments.config {
        layers.file(file);
    }
    layers.env(std::env::vars());
    for assignment in &arguments.set {
        layers.flag(assignment);
    }
    Ok(layers.finish()?)
}

/// Starts, says how to go on, and serves until a signal.
pub(crate) fn run(arguments: &DevArguments) -> Result<ExitCode> {
    let clock = Clock::system();
    let home = open_home(&arguments.dir, DEFAULT_TENANT, &clock)?;
    let effective = effective(&home, &[], &arguments.settings)?;
    let (settings, plan) = host::plan(&effective, clock)?;
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting threads")?;
    threads.block_on(async {
        let telemetry = telemetry::init(&settings.telemetry, "dev")?;
        let running = plan.start().await?;
        let ended = serve(&home, &running).await;
        let stopped = running.stop().await;
        telemetry.shutdown().await;
        ended?;
        stopped?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The home in this directory, with fresh randomness for a first token.
pub(crate) fn open_home(directory: &Path, tenant: &str, clock: &Clock) -> Result<Home> {
    let randomness: Randomness = rand::random();
    Home::open(directory, tenant, clock.now(), &randomness)
}

async fn serve(home: &Home, running: &Running) -> Result<()> {
    let addresses = running.addresses();
    home.write_endpoint(&format!("https://{}", addresses.main))?;
    bootstrap::ensure_tenant(&home.context()?, "Default").await?;
    let enrolment = addresses.enrolment.map_or("none".to_owned(), |address| address.to_string());
    let context = home.context_file();
    output::write_out(&format!(
        "causeway is serving\n  API        https://{}\n  enrolment  https://{enrolment}\n  admin      http://{}  (/livez /readyz /metrics)\n  context    {}  (address, CA and token for the commands)\n\nnext: causeway get groups, causeway apply -f FILE; Ctrl-C ends it, the data stays\n",
        addresses.main,
        addresses.admin,
        context.display(),
    ))?;
    until_the_end(running).await
}
