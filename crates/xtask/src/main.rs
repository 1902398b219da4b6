//! `cargo xtask`: see `cargo xtask --help`.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use xtask::{bench, contract, dependencies, planned, soak, steps, tidy, workspace};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Everything that CI runs, in its order; stops at the first step that fails.
    Test {
        /// Run only steps whose name contains this text.
        #[arg(long)]
        only: Option<String>,
    },
    /// The suites that depend on chance, again and again.
    Soak {
        /// How long; a round that has begun is finished.
        #[arg(long, value_name = "N")]
        minutes: u64,
        /// The seed of the first round; each further one takes the next number.
        #[arg(long, value_name = "S")]
        seed: u64,
    },
    /// The product's figures, on binaries of the profile `dist`, as ratios.
    Bench {
        /// Where the stores lie: a directory on the disk that is to be measured. Default: the temporary directory.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// For `causeway-bench`: `--only paths`, `--repetitions 9`; `--help` names them all.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// The house rules: budgets, layers, imports, names, README.
    Tidy,
    /// Licences, bans, duplicate versions and unused dependencies.
    Dependencies,
    /// Lint the contract and hold it against the baseline.
    Contract {
        /// Make today's contract the new baseline: the on-purpose way to land a breaking change.
        #[arg(long)]
        move_baseline: bool,
    },
    /// Write the generated list of planned methods into the README.
    Planned,
}

fn main() -> ExitCode {
    let root = workspace::root();
    let outcome = match Arguments::parse().chore {
        Chore::Test { only } => steps::run(&root, only.as_deref()),
        Chore::Soak { minutes, seed } => soak::run(&root, minutes, seed),
        Chore::Bench { dir, words } => bench::run(&root, dir.as_deref(), &words),
        Chore::Tidy => tidy::run(&root),
        Chore::Dependencies => dependencies::run(&root),
        Chore::Contract { move_baseline: true } => contract::move_baseline(&root),
        Chore::Contract { move_baseline: false } => contract::run(&root),
        Chore::Planned => planned::write(&root),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
