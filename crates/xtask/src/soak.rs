//! The faults again and again: what one run in CI would need luck to find.
//!
//! Always holds: the seed of each round is printed before it begins, so the round that failed can be run alone.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::steps;

/// Runs rounds of every suite that depends on chance until `minutes` have passed; a round that has begun is finished. The
/// first round takes `seed`, each further one the next number.
///
/// # Errors
/// The first round that fails, with the command that repeats it.
pub fn run(root: &Path, minutes: u64, seed: u64) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(minutes * 60);
    steps::binaries(root)?;
    for round in 0.. {
        let seed = seed.wrapping_add(round);
        eprintln!("==> round {} with seed {seed}", round + 1);
        steps::chance(root, seed).with_context(|| {
            format!(
                "round {} failed; `cargo xtask soak --minutes 0 --seed {seed}` repeats it",
                round + 1
            )
        })?;
        if Instant::now() >= end {
            break;
        }
    }
    Ok(())
}
