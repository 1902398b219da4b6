//! The project's chores, run as `cargo xtask …`.
//!
//! Owns: what CI runs and in which order (`test`), the house rules that a machine can hold (`tidy`), the
//! checks on the contract (`contract`) and on what we depend on (`dependencies`), and the list of planned
//! methods in the README (`planned`), the faults for as long as one likes (`soak`), and the figures (`bench`).
//! Always holds: every check prints all it found, each finding with the place and the mend, before it fails.
//! Absent on purpose: anything that ships.

pub mod bench;
pub mod contract;
pub mod dependencies;
pub mod manifests;
pub mod packages;
pub mod planned;
pub mod soak;
pub mod steps;
pub mod tidy;
pub mod workspace;
