//! `causeway demo`: the control plane, a fleet and its users, on this machine, in about a minute.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use runtime::{
    Clock,
    process::{Running, until_the_end},
    telemetry,
};

use super::dev;
use crate::{
    client::output,
    demo::{fleet::Fleet, plan, questions::Questions, servers::ApplicationServers, table, world},
    dev::{bootstrap, home::Home, host},
};

/// Seed of the fleet's jitter; one number, so that a run can be repeated.
const DEFAULT_SEED: u64 = 1;

/// Settings of the demo that differ from `dev`'s: ports of its own, so that both can run, quick probes and few words.
const PRESETS: [(&str, &str); 5] = [
    ("server.listen", "127.0.0.1:0"),
    ("server.enrolment_listen", "127.0.0.1:0"),
    ("server.admin_listen", "127.0.0.1:0"),
    ("paths.probe_period", "200ms"),
    ("telemetry.log", "warn"),
];

/// Arguments of `demo`.
#[derive(Args)]
pub(crate) struct DemoArguments {
    /// Ends after the table: 0, or 1 if a choice broke a rule
    #[arg(long)]
    once: bool,
    /// Prints the table as JSON
    #[arg(long)]
    json: bool,
    /// Seed of the fleet's jitter
    #[arg(long, default_value_t = DEFAULT_SEED)]
    seed: u64,
    #[command(flatten)]
    settings: dev::SettingArguments,
}

/// Runs the demo in a fresh temporary directory, which goes with it.
pub(crate) fn run(arguments: &DemoArguments) -> Result<ExitCode> {
    let clock = Clock::system();
    let directory = tempfile::Builder::new().prefix("causeway-demo-").tempdir()?;
    let home = dev::open_home(&directory.path().join("home"), plan::TENANT, &clock)?;
    let effective = dev::effective(&home, &PRESETS, &arguments.settings)?;
    let (settings, plan) = host::plan(&effective, clock.clone())?;
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting threads")?;
    threads.block_on(async {
        let telemetry = telemetry::init(&settings.telemetry, "demo")?;
        say("starting registry, provisioning, updates, paths and console in one process");
        let running = plan.start().await?;
        let shown = show(arguments, &home, &running, &clock, &directory.path().join("fleet")).await;
        let stopped = running.stop().await;
        telemetry.shutdown().await;
        let code = shown?;
        stopped?;
        Ok(code)
    })
}

async fn show(
    arguments: &DemoArguments,
    home: &Home,
    running: &Running,
    clock: &Clock,
    state: &std::path::Path,
) -> Result<ExitCode> {
    home.write_endpoint(&format!("https://{}", running.addresses().main))?;
    let context = home.context()?;
    bootstrap::ensure_tenant(&context, "Demo").await?;

    let servers = ApplicationServers::start(plan::APPLICATIONS).await?;
    let applications = &servers.applications;
    for application in applications {
        let name = application.plan.display_name;
        for server in &application.servers {
            say(&format!("{name} listens on {}, placed in {}", server.address, server.city.name));
        }
    }
    say(
        "distance is staged: a connector waits the measured round trip between two cities before it really connects",
    );
    let groups = world::create(&context, applications).await?;
    say(&format!("created {} app connector groups, each with a provisioning key", groups.len()));

    let mut fleet = Fleet::start(&groups, applications, state, clock, arguments.seed)?;
    let count = fleet.len();
    fleet
        .all_reporting(|ready| {
            say_some(ready, count, "connectors enrolled and reporting over mTLS")
        })
        .await?;
    let questions = Questions::new(&context, applications)?;
    let mut last = usize::MAX;
    questions
        .all_measured(|measured, wanted| {
            if std::mem::replace(&mut last, measured) != measured {
                say(&format!("{measured} of {wanted} application legs measured"));
            }
        })
        .await?;
    let answers = questions.all().await?;
    if arguments.json {
        table::print_json(&answers)?;
    } else {
        output::write_out("\n")?;
        table::print(&answers)?;
    }
    let broken = table::broken(&answers);
    for rule in &broken {
        eprintln!("broken: {rule}");
    }
    if !arguments.once {
        let first = applications.first().context("the demo has no application")?;
        let file = home.context_file().display().to_string();
        let (host, port) = (first.plan.domain(), first.port);
        output::write_out(&table::next_steps(&context, &file, &host, port))?;
        until_the_end(running).await?;
    }
    fleet.stop().await;
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Progress goes to standard error, so that `--json` prints JSON alone.
fn say(text: &str) {
    eprintln!("demo: {text}");
}

/// Every eighth step and the last.
fn say_some(done: usize, all: usize, what: &str) {
    if done.is_multiple_of(8) || done == all {
        say(&format!("{done} of {all} {what}"));
    }
}
