//! Requests that the codec cannot read, told in our words.
//!
//! Always holds: a message that is too large, broken off or no message is the caller's fault and is told so, with a reason.
//! The codec by itself says OUT_OF_RANGE, which here means a page or a watch that must begin anew, or INTERNAL, which means a
//! defect of ours.
//!
//! ## Design notes
//! Recognised by what it lacks: every failure of ours carries details, and the codec's carry none. The one text that is
//! looked at tells a request that is too large from an answer that is; the suite of strangers notices when it changes.

use http::HeaderMap;
use names::Reason;
use tonic::{Code, Status};

use crate::{
    error::{Failure, Kind},
    limits::MAX_REQUEST_BYTES,
};

const TOO_LARGE: &str = "Error, decoded message length too large";

/// What to say instead of the status in these headers or trailers; `None` if it is a handler's.
pub(super) fn retold(headers: &HeaderMap) -> Option<Failure> {
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
