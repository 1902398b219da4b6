//! The wire: handlers of three moves (parse, call, render). Generated types stop here.

mod accept_snapshot;
pub(crate) mod backup;
pub(crate) mod convert;
pub(crate) mod enrolment;
#[cfg(test)]
mod fuzz;
pub(crate) mod provisioning;
pub(crate) mod requests;
pub(crate) mod watch;
