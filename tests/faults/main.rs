//! The promises under attack and accident: five real processes that are killed, starved, cut off and besieged.
//!
//! Owns: one kind of accident a module. Always holds: whatever is left to chance comes from the printed seed
//! (`CAUSEWAY_SEED`); what a machine may not do (mount, trace) is said in plain words and never counted as proven; a suite
//! goes red when its promise is broken, which was tried for each. Absent on purpose: both forms of an installation. An
//! accident happens to a process, so these start processes only, and run one after the other: two cores carry one siege.
//!
//! | suite | what it shows |
//! | --- | --- |
//! | `strangers` | who may call what, whose certificate counts, what an attacker can cost, what overload does |
//! | `storm` | 2,000 hosts on a key with 500 uses are exactly 500 connectors, whoever is killed in the middle, and at each step |
//! | `kills` | 21 kills, each in the middle of 1,000 writes: nothing acknowledged is lost, nothing is half there |
//! | `blackout` | paths alone: same choices, same admissions, the age said, also after its own death |
//! | `disk` | a disk that fills up, fails to sync or loses its power takes nothing acknowledged with it |
//! | `fuzz` | no request and no report makes a service fail, or refuse without a reason |

// Tests say what must hold by unwrapping it.
#![allow(clippy::unwrap_used)]

mod blackout;
mod disk;
mod fuzz;
mod kills;
mod storm;
mod strangers;
