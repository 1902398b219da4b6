//! The gRPC edge: what every service does to a request before and after its own work.
//!
//! Owns: failures and their details, what is wrong with a request's fields, page tokens, field masks and orders, times on the
//! wire, who is asking and what they may do, the layers around every handler, and the
//! client side of the same.
//! Always holds: every refusal has a stable reason and says what to do; nothing a caller sends panics; every call has a limit.
//! Absent on purpose: listeners and certificates (`runtime`), and anything about one service.
//!
//! Read in this order: `error`, `violations`, `page`, `mask`, `order`, `time`, `request_id`, `delegate` (what handlers use), `peer`, `access`, `tokens`,
//! `revocation` (who is asking), `context`, `deadline`, `limits`, `server` (what surrounds a handler), `client`, `watch`
//! (the calling side).

pub mod access;
pub mod client;
pub mod context;
pub mod deadline;
mod delegate;
pub mod error;
#[cfg(test)]
mod fuzz;
pub mod limits;
pub mod mask;
pub mod order;
pub mod page;
pub mod peer;
pub mod request_id;
pub mod revocation;
pub mod server;
pub mod time;
pub mod tokens;
pub mod violations;
pub mod watch;

pub use delegate::{Answer, open};
pub use error::{Failure, Kind};
pub use names::{Reason, Violations};
pub use violations::Refuse;
