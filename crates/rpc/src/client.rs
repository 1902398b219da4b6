//! The calling side: a connection to a sibling service, its deadlines and its errors.
//!
//! Owns: [`Channel`], which generated clients take as their transport, and [`retry()`].
//! Always holds: every unary call has a deadline, the smaller of the default and what the call being served has left; a
//! call that ran out of time is DEADLINE_EXCEEDED and one that found nobody is UNAVAILABLE, naming the endpoint.
//! Absent on purpose: balancing over several addresses (one process owns each embedded store), and retries of calls that are
//! not safe to repeat.
//!
//! ## Design notes
//! The transport answers a spent deadline with CANCELLED and a failed connection with UNKNOWN (tonic 0.14), neither of
//! which a caller can act on; [`Channel`] looks at the cause and says what happened. TLS is our own connector, because
//! tonic's fixes the certificate when the channel is built, and ours are renewed while it lives.

mod channel;
mod code;
mod connect;
mod retry;

pub use channel::Channel;
pub use code::classify;
pub use connect::{CONNECT_TIMEOUT, ClientConfig, ConnectError, DEFAULT_DEADLINE, connect};
pub use retry::{RetryPolicy, retry};
