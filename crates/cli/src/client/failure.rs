//! A refused call in words: what was wrong with which field, and what to do.

use std::fmt::Write as _;

use tonic::Status;
use tonic_types::StatusExt as _;

/// The status with every detail that a person can use, a line each.
pub(crate) fn describe(status: &Status) -> String {
    let details = status.get_error_details();
    let mut text = match details.error_info() {
        Some(error) => format!("{} ({:?}): {}", error.reason, status.code(), status.message()),
        None => format!("{:?}: {}", status.code(), status.message()),
    };
    if let Some(request) = details.bad_request() {
        for violation in &request.field_violations {
            let _ = write!(text, "\n  {}: {}", violation.field, violation.description);
        }
    }
    if let Some(failure) = details.precondition_failure() {
        for violation in &failure.violations {
            let _ = write!(text, "\n  {}: {}", violation.subject, violation.description);
        }
    }
    if let Some(failure) = details.quota_failure() {
        for violation in &failure.violations {
            let _ = write!(text, "\n  {}: {}", violation.subject, violation.description);
        }
    }
    if let Some(error) = details.error_info() {
        let mut metadata: Vec<_> = error.metadata.iter().collect();
        metadata.sort();
        for (key, value) in metadata {
            let _ = write!(text, "\n  {key} = {value}");
        }
    }
    if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
        let _ = write!(text, "\n  try again in {} ms", delay.as_millis());
    }
    text
}

/// The whole error: a status in its own words, anything else as its chain.
pub(crate) fn describe_error(error: &anyhow::Error) -> String {
    match error.downcast_ref::<Status>() {
        Some(status) => describe(status),
        None => format!("{error:#}"),
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn every_violated_field_has_its_line() {
        let mut details = ErrorDetails::new();
        details.set_error_info(
            "FIELDS_INVALID",
            "causeway",
            [("count".to_owned(), "2".to_owned())],
        );
        details.add_bad_request_violation("a.latitude", "must be -90…90");
        details.add_bad_request_violation("a.time_zone", "is no IANA zone");
        let status = Status::with_error_details(Code::InvalidArgument, "2 fields", details);
        let text = describe(&status);
        assert!(text.starts_with("FIELDS_INVALID (InvalidArgument): 2 fields"), "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.contains("\n  a.time_zone: is no IANA zone"), "{text}");
    }
}
