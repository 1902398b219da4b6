//! What the console asks of its siblings.
//!
//! Owns: the calls to registry, provisioning, updates and paths, and what their answers mean here.
//! Always holds: a unary call has the deadline of its channel; the console speaks as a service, so whoever calls it has been
//! authorised for the tenant before a client is used.
//! Absent on purpose: traits; there is one of each.

#[cfg(test)]
mod fuzz;
mod paths;
mod provisioning;
mod registry;
mod updates;

pub use paths::Paths;
pub use provisioning::Provisioning;
pub use registry::Registry;
pub use updates::{ScheduleColumns, Updates};
