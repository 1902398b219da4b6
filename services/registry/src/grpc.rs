//! The wire: messages in, use cases, messages out.
//!
//! Owns: handlers of three moves (parse, call, render), conversions, the Watch stream. Always holds: generated
//! types stop here; a request that breaks rules names every field that does.
//! Absent on purpose: any rule. Read in this order: `api` (the methods), `standard` (what the standard methods share),
//! `request`, `convert`, `watch`.

mod api;
mod backup;
mod convert;
#[cfg(test)]
mod fuzz;
mod request;
mod standard;
mod watch;

pub(crate) use api::Api;

use crate::error::Error;
use rpc::error::Failure;

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}
