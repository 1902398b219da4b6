//! The one harness of the tests from outside.
//!
//! Owns: starting an installation (one process or five) with its own stores, certificates and callers; real connectors and
//! application servers; waiting for conditions.
//! Always holds: real sockets, real stores, real TLS; nothing is shared between two installations; what starts here ends with
//! its handle.
//! Absent on purpose: fakes, and any knowledge of how a service works inside.
//!
//! Read in this order: `system` (an installation), `plan` (its settings), `tenant` (objects of a story), `fleet` (connectors),
//! `application` (servers), `eventually`.

mod api;
mod application;
mod callers;
mod endpoints;
mod eventually;
mod five_processes;
mod fleet;
mod one_process;
mod plan;
mod system;
mod tenant;
mod tokens;

pub use api::{Api, Bearer, Channels, Wire};
pub use application::Application;
pub use eventually::{LOOK_PERIOD, PATIENCE, eventually, within};
pub use fleet::{Connector, forget_identity};
pub use plan::{Plan, TEST_PROBE_PERIOD};
pub use rpc::access::Role;
pub use system::System;
pub use tenant::{FRANKFURT, NEW_YORK, Place, SINGAPORE, Tenant};
pub use tokens::{with_endpoint, with_secret_of};
