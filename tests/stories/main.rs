//! The system from outside: real sockets, real stores, real certificates, real connectors.
//!
//! Owns: one story a file. Always holds: a story starts its own installation through `testkit`, speaks to it only over the
//! wire, and waits for conditions; every story runs against one process and against five (`CAUSEWAY_TEST_TARGET`).
//! Absent on purpose: what one crate can prove alone. That is tested beside the code.
//!
//! | story | what it shows |
//! | --- | --- |
//! | `seed_page` | the statements of the product page, each named in a test |
//! | `selection` | what a choice rests on, and how fast it follows the world |
//! | `withdrawals` | what is taken out of service is out of the very next answer |
//! | `enrolment` | joining: exact counts, replays, refusals, coming back |
//! | `life` | restarts and kills; the loss of the siblings is a fault |
//! | `deletes` | what stops a delete, and what goes with a forced one, across the services |
//! | `requests` | what a wrong request, a stale etag and an unfit page token are told |
//! | `overview` | what the page shows follows what happens to a group |
//! | `reflection` | a stock client finds its way without our files |

// Tests say what must hold by unwrapping it.
#![allow(clippy::unwrap_used)]

mod deletes;
mod enrolment;
mod life;
mod overview;
mod reflection;
mod requests;
mod seed_page;
mod selection;
mod withdrawals;
