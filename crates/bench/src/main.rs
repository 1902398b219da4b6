//! `causeway-bench`: the product's figures, run as `cargo xtask bench`.
//!
//! Owns: loads on the real binaries, the reference that each is held against, and the results as JSON and as a table.
//! Always holds: what is compared is measured in one run, in turns, on one machine, by the same client; a figure says against
//! what, how often and how far apart the repetitions were.
//! Absent on purpose: a verdict on the run. A shared machine decides about figures; the exit code tells only whether they could be
//! taken.
//!
//! Read in this order: `scale` (how much), `installation` and `etcd` (what is measured), `load` and `contest` (how), `figures`.
//!
//! ## Design notes
//! Client and server share the cores, as the reference and its client do. That keeps a run on one machine, and it makes ratios of
//! rates smaller than they are between machines; so each server's processor time for a call stands beside them, to which the client does not
//! count.

mod contest;
mod etcd;
mod figure;
mod figures;
mod installation;
mod load;
mod machine;
mod scale;
mod spread;

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};

use crate::{
    figure::{Figure, Results},
    figures::{joins, paths, records, watchers},
    machine::Machine,
    scale::Scale,
};

#[derive(Parser)]
#[command(name = "causeway-bench", about = "The product's figures")]
struct Flags {
    /// Only these families of figures; may be repeated.
    #[arg(long)]
    only: Vec<Family>,
    /// Where the results go, as JSON.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Sizes so small that it takes seconds and the numbers mean nothing.
    #[arg(long)]
    quick: bool,
    /// Repetitions of each measurement.
    #[arg(long)]
    repetitions: Option<usize>,
    /// Connectors of the large tenant.
    #[arg(long)]
    connectors: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Family {
    /// Creates and reads against etcd.
    Records,
    /// A change and its watchers, against etcd.
    Watchers,
    /// Enrolments against signing.
    Joins,
    /// Questions, starts and memory with many connectors.
    Paths,
}

impl Family {
    fn needs_etcd(self) -> bool {
        matches!(self, Self::Records | Self::Watchers)
    }

    async fn measure(self, scale: &Scale) -> Result<Vec<Figure>> {
        match self {
            Self::Records => records::measure(scale).await,
            Self::Watchers => watchers::measure(scale).await,
            Self::Joins => joins::measure(scale).await,
            Self::Paths => paths::measure(scale).await,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: &Flags) -> Result<()> {
    let mut scale = if flags.quick { Scale::quick() } else { Scale::full() };
    scale.repetitions = flags.repetitions.unwrap_or(scale.repetitions);
    scale.connectors = flags.connectors.unwrap_or(scale.connectors);
    ensure!(scale.repetitions > 0 && scale.connectors > 0, "nothing is no figure");
    let mut results = Results {
        machine: Machine::here(),
        quick: flags.quick,
        etcd: etcd::version().unwrap_or_default(),
        figures: Vec::new(),
    };
    for family in Family::value_variants() {
        let wanted = flags.only.is_empty() || flags.only.contains(family);
        if wanted && family.needs_etcd() && results.etcd.is_empty() {
            eprintln!("there is no etcd here, so what is held against it is left out");
        } else if wanted {
            let figures = family.measure(&scale).await?;
            // Now, so that they are not lost with what fails later.
            figures.iter().for_each(|figure| eprintln!("{}", figure.row()));
            results.figures.extend(figures);
        }
    }
    results.machine.note_load();
    if let Some(file) = &flags.out {
        let text = serde_json::to_string_pretty(&results)? + "\n";
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    print(&results);
    Ok(())
}

/// The table is what the command is for, not a log.
#[allow(clippy::print_stdout)]
fn print(results: &Results) {
    print!("{}", results.table());
}
