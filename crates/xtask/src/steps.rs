//! What CI runs, in its order: cheap checks first, so that a typo fails in seconds.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{contract, dependencies, manifests, packages, tidy};

type Action = fn(&Path) -> Result<()>;

/// One step of `cargo xtask test`.
struct Step {
    name: &'static str,
    action: Action,
}

const STEPS: &[Step] = &[
    Step { name: "format", action: format },
    Step { name: "tidy", action: tidy::run },
    Step { name: "dependencies", action: dependencies::run },
    Step { name: "contract", action: contract::run },
    Step { name: "manifests", action: manifests::run },
    Step { name: "clippy", action: clippy },
    Step { name: "docs", action: docs },
    Step { name: "binaries", action: binaries },
    Step { name: "deployed configuration", action: deployed_configuration },
    Step { name: "packages", action: packages::run },
    Step { name: "tests", action: tests },
    Step { name: "stories in five processes", action: stories_in_processes },
    Step { name: "faults", action: faults },
    Step { name: "demo", action: demo },
];

// The whole workspace is named and one target chosen: to name one package would build what it uses anew, with
// the features that this package alone asks for.
const STORIES: &[&str] = &["test", "--workspace", "--test", "stories", "--locked"];
const POWER_CUTS: &[&str] = &["test", "--workspace", "--test", "embedded", "--locked", "power"];
const FAULTS: &[&str] =
    &["test", "--workspace", "--test", "faults", "--locked", "--", "--test-threads=1"];
/// The fuzz targets of every crate: each is a test in a module called `fuzz`, beside its parser.
const FUZZ: &[&str] = &["test", "--workspace", "--locked", "fuzz::"];
/// Mutants of each target in one round of soak: some minutes for all of them, fifty times what CI tries.
const SOAK_MUTANTS: &str = "100000";

/// Runs every step, or those whose name contains `only`, and prints how long each took.
///
/// # Errors
/// The first step that fails, by name.
pub fn run(root: &Path, only: Option<&str>) -> Result<()> {
    let mut took: Vec<(&str, Duration)> = Vec::new();
    for step in STEPS.iter().filter(|step| only.is_none_or(|text| step.name.contains(text))) {
        eprintln!("==> {}", step.name);
        let start = Instant::now();
        (step.action)(root).with_context(|| format!("step `{}` failed", step.name))?;
        took.push((step.name, start.elapsed()));
    }
    ensure!(!took.is_empty(), "no step has {only:?} in its name");
    for (name, time) in took {
        eprintln!("{:>7.1} s  {name}", time.as_secs_f64());
    }
    Ok(())
}

/// Runs cargo with these words and variables.
fn cargo(root: &Path, words: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = Command::new(program)
        .args(words)
        .envs(variables.iter().copied())
        .current_dir(root)
        .status()
        .context("starting cargo")?;
    ensure!(status.success(), "cargo {} ended with {status}", words.join(" "));
    Ok(())
}

fn format(root: &Path) -> Result<()> {
    cargo(root, &["fmt", "--all", "--check"], &[])
}

/// Everything, and then the faults, which `--all-targets` leaves out because `cargo test` does.
fn clippy(root: &Path) -> Result<()> {
    for targets in [&["--all-targets"][..], &["--test", "faults"]] {
        let words = [&["clippy", "--workspace", "--locked"], targets, &["--", "-D", "warnings"]];
        cargo(root, &words.concat(), &[])?;
    }
    Ok(())
}

fn docs(root: &Path) -> Result<()> {
    cargo(
        root,
        &["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )
}

pub(crate) fn binaries(root: &Path) -> Result<()> {
    cargo(root, &["build", "--workspace", "--bins", "--locked"], &[])
}

/// What ships, as it ships, and what measures it.
pub(crate) fn dist_binaries(root: &Path) -> Result<()> {
    cargo(root, &["build", "--profile", "dist", "--workspace", "--bins", "--locked"], &[])
}

/// Every test of the workspace but the faults; the stories run in one process.
fn tests(root: &Path) -> Result<()> {
    cargo(root, &["test", "--workspace", "--locked"], &[])
}

/// The same stories against the five binaries, each its own process.
fn stories_in_processes(root: &Path) -> Result<()> {
    cargo(root, STORIES, &[("CAUSEWAY_TEST_TARGET", "processes")])
}

/// The suites that break things, one after the other.
fn faults(root: &Path) -> Result<()> {
    cargo(root, FAULTS, &[])
}

/// Every suite that leaves something to chance, with this seed.
pub(crate) fn chance(root: &Path, seed: u64) -> Result<()> {
    let seed = seed.to_string();
    cargo(root, FUZZ, &[("CAUSEWAY_SEED", &seed), ("CAUSEWAY_FUZZ_ROUNDS", SOAK_MUTANTS)])?;
    cargo(root, POWER_CUTS, &[("CAUSEWAY_SEED", &seed)])?;
    cargo(root, FAULTS, &[("CAUSEWAY_SEED", &seed)])
}

fn demo(root: &Path) -> Result<()> {
    cargo(root, &["run", "--locked", "--", "demo", "--once"], &[])
}

/// Every binary takes the configuration that the manifests give it.
fn deployed_configuration(root: &Path) -> Result<()> {
    for service in ["registry", "provisioning", "updates", "paths", "console"] {
        let binary = format!("causeway-{service}");
        let file = format!("deploy/kubernetes/base/config/{service}.toml");
        let words = [
            "run", "--quiet", "--locked", "--bin", &binary, "--", "--config", &file, "config",
            "show",
        ];
        cargo(root, &words, &[])?;
    }
    Ok(())
}
