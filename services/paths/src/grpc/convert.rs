//! Every conversion between the wire and the use cases of paths.

mod answer;
#[cfg(test)]
mod fuzz;
mod question;
mod report;
mod status;

pub(super) use answer::{explanation, selection};
pub(super) use question::{
    batch_request, explain_request, list_request, path_request, status_name,
};
pub(super) use report::{
    Hello, assignment, farewell, heartbeat, heartbeat_ack, hello, probe_results, welcome,
};
pub(super) use status::connector_status;

use prost_types::Timestamp as WireTime;

/// Milliseconds of the wire as a time; `None` outside the range of times.
fn time_of_ms(ms: i64) -> Option<WireTime> {
    jiff::Timestamp::from_millisecond(ms).ok().map(rpc::time::to_proto)
}

/// A signed length of milliseconds.
fn signed_length(ms: i64) -> prost_types::Duration {
    // Below 1000 times a million: fits.
    let nanos = i32::try_from(ms % 1_000).unwrap_or_default() * 1_000_000;
    prost_types::Duration { seconds: ms / 1_000, nanos }
}
