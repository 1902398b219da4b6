//! The wire: messages in, use cases, messages out.
//!
//! Owns: handlers of three moves (parse, call, render), conversions, the Watch stream. Always holds: generated
//! types stop here; a request that breaks rules names every field that does.
//! Absent on purpose: any rule. Read in this order: `api` (the methods), `standard` (the standard methods of all kinds), `group`,
//! `connector`, `audit` (methods of their own), `convert`, `watch`.

mod api;
mod audit;
mod connector;
mod convert;
#[cfg(test)]
mod fuzz;
mod group;
mod standard;
mod watch;

pub(crate) use api::Api;
