//! What a test needs from the machine: chance that can be repeated, disks that can be cut, processes that stand still.
//!
//! Owns: the seed of a run, fuzzing from it, how a record comes back, and what the machine may do. Always holds: whatever a test leaves to chance comes
//! from this seed, which is printed and can be given again; two purposes never share a stream of numbers; what the machine
//! may not do is said. Absent on purpose: anything of ours, so every crate can use it.

mod disk;
pub mod fuzz;
mod machine;
pub mod record;

pub use disk::{Image, Mounted, may_mount};
pub use machine::{may_trace, stand_still};

use std::sync::OnceLock;

use rand::{SeedableRng as _, rngs::StdRng};

/// The variable that repeats a run: `CAUSEWAY_SEED=<number>`.
pub const SEED_VARIABLE: &str = "CAUSEWAY_SEED";

/// The seed of this run: the one given in [`SEED_VARIABLE`], or a fresh one. Printed when it is first asked for.
///
/// # Panics
/// If the variable holds no number from 0 to 2⁶⁴ − 1.
#[must_use]
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let seed = match std::env::var(SEED_VARIABLE) {
            Ok(text) => text.parse().unwrap_or_else(|_| {
                panic!("{SEED_VARIABLE}={text}: give a whole number from 0 to {}", u64::MAX)
            }),
            Err(_) => rand::random(),
        };
        // Past the capture of the test runner, so that a green run names its seed too.
        machine::say(&format!("chance: {SEED_VARIABLE}={seed} repeats this run"));
        seed
    })
}

/// Numbers for one purpose of this run: the same for the same seed and purpose, and unlike those of any other purpose.
#[must_use]
pub fn chance(purpose: &str) -> StdRng {
    stream(seed(), purpose)
}

fn stream(seed: u64, purpose: &str) -> StdRng {
    // FNV-1a over the purpose, begun at the seed: chance needs streams that differ, not secrecy.
    let mixed = purpose.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    StdRng::seed_from_u64(mixed)
}

#[cfg(test)]
mod tests {
    use rand::Rng as _;

    use super::*;

    #[test]
    fn a_seed_and_a_purpose_always_give_the_same_numbers_and_others_give_others() {
        let first = |seed, purpose| stream(seed, purpose).random::<u64>();
        assert_eq!(first(1, "kills"), first(1, "kills"));
        assert_ne!(first(1, "kills"), first(2, "kills"));
        assert_ne!(first(1, "kills"), first(1, "storm"));
    }
}
