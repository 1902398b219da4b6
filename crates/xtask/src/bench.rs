//! The product's figures, taken on the binaries that ship: those of the profile `dist`.
//!
//! Absent on purpose: a place in `cargo xtask test`. Figures need a quiet machine and some minutes; that the harness still
//! works, its own test shows.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{packages, steps};

/// Builds what is measured and measures it. `words` go to `causeway-bench`; stores, ours and the reference's, lie below
/// `directory`, or in the temporary directory.
///
/// # Errors
/// What could not be built, installed or measured.
pub fn run(root: &Path, directory: Option<&Path>, words: &[String]) -> Result<()> {
    packages::run(root)?;
    steps::dist_binaries(root)?;
    let results = root.join("target/bench.json");
    let mut command = Command::new(root.join("target/dist/causeway-bench"));
    command.arg("--out").arg(&results).args(words).current_dir(root);
    if let Some(directory) = directory {
        let directory: PathBuf = std::fs::canonicalize(directory)
            .with_context(|| format!("{} is no directory", directory.display()))?;
        command.env("TMPDIR", directory);
    }
    let status = command.status().context("starting causeway-bench")?;
    ensure!(status.success(), "causeway-bench ended with {status}");
    eprintln!("every repetition's spread: {}", results.display());
    Ok(())
}
