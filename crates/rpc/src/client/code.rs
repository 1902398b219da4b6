//! What the code of an answer means.

use tonic::{Code, Status};

/// The code that a status means. tonic answers `Cancelled` "Timeout expired" when a call's time is over;
/// callers act on DEADLINE_EXCEEDED.
#[must_use]
pub fn classify(status: &Status) -> Code {
    match status.code() {
        Code::Cancelled if status.message() == "Timeout expired" => Code::DeadlineExceeded,
        code => code,
    }
}
