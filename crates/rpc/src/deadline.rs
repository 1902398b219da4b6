//! How long a call may take.
//!
//! Owns: the `grpc-timeout` header, the default and the maximum of unary calls, and the refusal when time is over.
//! Always holds: a unary call ends within [`MAX_UNARY`]; a call whose time is over answers DEADLINE_EXCEEDED, code 4.
//! Absent on purpose: undoing. What the handler began may have happened; the message states it.

use names::Reason;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use crate::error::{Failure, Kind};

/// The header that carries what is left of the caller's time.
pub const GRPC_TIMEOUT: &str = "grpc-timeout";
/// Time of a unary call whose caller sets none: far above any healthy answer, below a person's patience.
pub const DEFAULT_UNARY: Duration = Duration::from_secs(30);
/// Most time a unary call gets, whatever its caller asks: longer work belongs in a worker.
pub const MAX_UNARY: Duration = Duration::from_secs(300);

/// The moment at which a call's time is over; in the extensions of every request that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// `length` from now.
    #[must_use]
    pub fn after(length: Duration) -> Self {
        Self::since(Instant::now(), length)
    }

    fn since(start: Instant, length: Duration) -> Self {
        // An Instant overflows after centuries; such a deadline is one that never comes.
        Self(start.checked_add(length).unwrap_or(start + MAX_UNARY))
    }

    /// What is left; zero when it is over.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The moment itself.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.0
    }

    /// The deadline of a call that arrived then: a unary one always has one, a streaming one only if its caller sent it.
    pub(crate) fn of(headers: &HeaderMap, streaming: bool, arrived: Instant) -> Option<Self> {
        let sent = headers.get(GRPC_TIMEOUT).and_then(parse);
        let length = match (sent, streaming) {
            (sent, true) => sent?,
            (sent, false) => sent.unwrap_or(DEFAULT_UNARY).min(MAX_UNARY),
        };
        Some(Self::since(arrived, length))
    }
}

/// What a call answers when its time is over.
#[must_use]
pub fn exceeded() -> Failure {
    Failure::new(
        Kind::DeadlineExceeded,
        Reason::DeadlineExceeded,
        "the call's time is over; a write may or may not have happened: repeat it with the same request_id, or read first",
    )
}

/// Reads a `grpc-timeout`: up to 8 digits and a unit. `None` for anything else, as if it were not there.
pub(crate) fn parse(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// Writes a `grpc-timeout`, rounded down, in the finest unit that fits 8 digits.
pub(crate) fn format(length: Duration) -> HeaderValue {
    const MOST: u128 = 99_999_999;
    let text = if length.as_micros() <= MOST {
        format!("{}u", length.as_micros())
    } else if length.as_millis() <= MOST {
        format!("{}m", length.as_millis())
    } else {
        format!("{}S", u128::from(length.as_secs()).min(MOST))
    };
    // Digits and a letter are a valid header value.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("0u"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        let read = |text: &str| parse(&HeaderValue::from_str(text).unwrap());
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for bad in ["", "1", "m", "-1S", "123456789S", "1x", "1.5S", "1 S"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for length in [Duration::ZERO, Duration::from_micros(1500), Duration::from_secs(86_400)] {
            assert_eq!(parse(&format(length)), Some(length));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn unary_calls_always_have_a_limit_and_streams_only_what_they_ask_for() {
        let mut headers = HeaderMap::new();
        let left = |headers: &HeaderMap, streaming| {
            Deadline::of(headers, streaming, Instant::now()).map(Deadline::remaining)
        };
        assert_eq!(left(&headers, false), Some(DEFAULT_UNARY));
        assert_eq!(left(&headers, true), None);
        headers.insert(GRPC_TIMEOUT, HeaderValue::from_static("2H"));
        assert_eq!(left(&headers, false), Some(MAX_UNARY));
        assert_eq!(left(&headers, true), Some(Duration::from_secs(7200)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waited_for_its_turn_has_that_much_less_left() {
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static(GRPC_TIMEOUT),
            HeaderValue::from_static("3S"),
        )]);
        let arrived = Instant::now();
        tokio::time::advance(Duration::from_secs(2)).await;
        let left = Deadline::of(&headers, false, arrived).map(Deadline::remaining);
        assert_eq!(left, Some(Duration::from_secs(1)));
    }
}
