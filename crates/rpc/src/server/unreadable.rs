//! Requests that the codec cannot read, as failures with a reason.
//!
//! Always holds: a message that is too large, broken off or no message is answered as the caller's fault, with a reason.
//! The codec by itself answers OUT_OF_RANGE, which here means a page or a watch that must begin anew, or INTERNAL, which means a
//! defect of ours.
//!
//! ## Design notes
//! Recognised by what it lacks: every failure of ours carries details, and the codec's carry none. The one text that is
//! compared distinguishes a request that is too large from an answer that is; the tests of unexpected callers
//! (`tests/faults/strangers`) fail when it changes.

use http::HeaderMap;
use names::Reason;
use tonic::{Code, Status};

use crate::{
    error::{Failure, Kind},
    limits::MAX_REQUEST_BYTES,
};

const TOO_LARGE: &str = "Error, decoded message length too large";

/// The failure that replaces the status in these headers or trailers; `None` if the status is a handler's.
pub(super) fn replaced(headers: &HeaderMap) -> Option<Failure> {
    let status = Status::from_header_map(headers).filter(|status| status.details().is_empty())?;
    match status.code() {
        Code::OutOfRange if status.message().starts_with(TOO_LARGE) => Some(Failure::new(
            Kind::ResourceExhausted,
            Reason::RequestTooLarge,
            format!(
                "a message of a request has at most {MAX_REQUEST_BYTES} bytes; send less at once"
            ),
        )),
        Code::Internal => Some(Failure::new(
            Kind::InvalidArgument,
            Reason::RequestUnreadable,
            format!("the request cannot be read: {}; look at the client's code", status.message()),
        )),
        _ => None,
    }
}
