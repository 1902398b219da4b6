//! The wire: calls to provisioning and paths.
//!
//! Owns: the only code of this crate that sees generated messages. Always holds: a message is taken apart in full
//! here; what comes back is checked before it becomes an [`Identity`](crate::identity::Identity) or an
//! [`Order`](crate::link::Order).
//! Absent on purpose: retries (`agent`).

mod channel;
mod convert;
mod enrol;
mod report;

pub(crate) use channel::channel;
pub(crate) use enrol::{enrol, renew};
pub(crate) use report::open;
