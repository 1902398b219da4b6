//! Times and lengths of time between the wire and `jiff`.
//!
//! Always holds: what leaves is inside the range that `google.protobuf` allows; what comes in and is not
//! becomes a violation, never a panic or a silent clamp.

use names::{Reason, Violations};
use std::time::Duration;

use jiff::Timestamp;

/// Last second of a protobuf timestamp: 9999-12-31T23:59:59Z.
const MAX_SECONDS: i64 = 253_402_300_799;
/// First second of a protobuf timestamp: 0001-01-01T00:00:00Z.
const MIN_SECONDS: i64 = -62_135_596_800;
/// Longest protobuf duration in seconds, about 10,000 years.
const MAX_DURATION_SECONDS: i64 = 315_576_000_000;
const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// A time as the wire writes it. Years outside 1 to 9999 cannot come from a clock and are clamped.
#[must_use]
pub fn to_proto(time: Timestamp) -> prost_types::Timestamp {
    let nanosecond = i64::from(time.subsec_nanosecond());
    // jiff counts the fraction towards zero, protobuf always forward.
    let (seconds, nanos) = match nanosecond {
        0.. => (time.as_second(), nanosecond),
        _ => (time.as_second() - 1, nanosecond + i64::from(NANOS_PER_SECOND)),
    };
    // 0 ≤ nanos < 1e9 by the match above, so it fits.
    let nanos = i32::try_from(nanos).unwrap_or_default();
    prost_types::Timestamp { seconds: seconds.clamp(MIN_SECONDS, MAX_SECONDS), nanos }
}

/// Reads a time that may be absent; one out of range is a violation of `field`.
pub fn from_proto(
    field: &str,
    time: Option<&prost_types::Timestamp>,
    violations: &mut Violations,
) -> Option<Timestamp> {
    let time = time?;
    let parsed = parse(time);
    if parsed.is_none() {
        let rule = "must be between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, with nanos from 0 to 999999999";
        violations.add(field, Reason::OutOfRange, rule);
    }
    parsed
}

/// Reads a time that a sibling sent; `None` when it is out of range.
#[must_use]
pub fn parse(time: &prost_types::Timestamp) -> Option<Timestamp> {
    let in_range = (MIN_SECONDS..=MAX_SECONDS).contains(&time.seconds)
        && (0..NANOS_PER_SECOND).contains(&time.nanos);
    if !in_range {
        return None;
    }
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// A length of time as the wire writes it, clamped to protobuf's 10,000 years.
#[must_use]
pub fn duration_to_proto(length: Duration) -> prost_types::Duration {
    let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX).min(MAX_DURATION_SECONDS);
    // subsec_nanos is below 1e9, so it fits.
    let nanos = i32::try_from(length.subsec_nanos()).unwrap_or_default();
    prost_types::Duration { seconds, nanos }
}

/// Reads a length of time that may be absent; a negative or overlong one is a violation of `field`.
pub fn duration_from_proto(
    field: &str,
    length: Option<&prost_types::Duration>,
    violations: &mut Violations,
) -> Option<Duration> {
    let length = length?;
    let parsed = parse_duration(length);
    if parsed.is_none() {
        let rule = "must be between 0 s and 315576000000 s, with nanos from 0 to 999999999";
        violations.add(field, Reason::OutOfRange, rule);
    }
    parsed
}

/// Reads a length of time that a sibling sent; `None` when it is negative or out of range.
#[must_use]
pub fn parse_duration(length: &prost_types::Duration) -> Option<Duration> {
    let in_range = (0..=MAX_DURATION_SECONDS).contains(&length.seconds)
        && (0..NANOS_PER_SECOND).contains(&length.nanos);
    if !in_range {
        return None;
    }
    Some(Duration::new(length.seconds.try_into().ok()?, length.nanos.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_and_after_1970_come_back_from_the_wire() {
        for text in
            ["2026-11-23T14:00:00.123456789Z", "1969-12-31T23:59:59.5Z", "0001-01-01T00:00:00Z"]
        {
            let time: Timestamp = text.parse().unwrap();
            let wire = to_proto(time);
            assert!(wire.nanos >= 0, "{text}: {wire:?}");
            assert_eq!(parse(&wire), Some(time), "{text}");
        }
    }

    #[test]
    fn impossible_times_and_lengths_are_violations() {
        let mut violations = Violations::new();
        for (seconds, nanos) in [(i64::MAX, 0), (0, -1), (0, NANOS_PER_SECOND), (i64::MIN, 0)] {
            let time = prost_types::Timestamp { seconds, nanos };
            assert_eq!(from_proto("start_time", Some(&time), &mut violations), None);
        }
        for (seconds, nanos) in [(-1, 0), (i64::MAX, 0), (0, -1)] {
            let length = prost_types::Duration { seconds, nanos };
            assert_eq!(duration_from_proto("ttl", Some(&length), &mut violations), None);
        }
        assert_eq!(violations.len(), 7);
        assert_eq!(from_proto("start_time", None, &mut violations), None);
        assert_eq!(violations.len(), 7);
    }
}
