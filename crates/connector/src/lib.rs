//! The reference app connector: the code that runs next to private applications.
//!
//! Owns: everything that a connector does. It makes its own key pair, joins with a join token, reports its status and load
//! over mTLS, measures the way to application servers, renews its certificate and comes back after every outage.
//! Always holds: the private key never leaves the host; the server is verified from the very first contact (the join
//! token pins its root); nothing dials in.
//! Absent on purpose: carrying traffic, and updating itself (a later part of the updates service).
//!
//! Read in this order: `agent` (what happens in which order), `session` (one report stream), `renewal`, `schedule` and `probe`
//! (measuring), `identity` and `state` (what is kept), `grpc` (the wire), `args` (the command).

mod agent;
mod args;
mod backoff;
mod dial;
mod enrolled;
mod error;
mod grpc;
mod host;
mod identity;
mod link;
mod load;
mod probe;
mod progress;
mod renewal;
mod resolve;
mod schedule;
mod session;
mod state;

pub use agent::{Agent, Settings};
pub use args::{Args, Command, RunArgs, run};
pub use backoff::Backoff;
pub use dial::{Dialer, TcpDialer};
pub use error::AgentError;
pub use identity::KeyError;
pub use link::Refusal;
pub use progress::{Phase, Progress};
pub use state::StateError;
