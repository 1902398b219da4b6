//! `Failure` to and from `tonic::Status` with `google.rpc` details.
//!
//! ## Design notes
//! Details travel base64-encoded in one trailer, and HTTP/2 peers commonly refuse header lists above
//! 16 KiB (hyper's default). So every part has a cap, and the caps are chosen to stay below that together:
//! [`MAX_VIOLATIONS`] × (field + description) × 4/3 ≈ 10 KiB, the message below 4 KiB
//! (percent-encoded once, and once more inside the details).

use std::{error::Error as StdError, fmt::Write as _};

use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, QuotaViolation, StatusExt};

use super::{
    DOMAIN, Failure, Kind,
    problems::{FieldProblem, MAX_DESCRIPTION_BYTES, Precondition, Quota, Resource, clip},
};

/// Most violations of one kind in one answer; further ones are counted in the message.
pub const MAX_VIOLATIONS: usize = 20;
/// Longest message, in bytes.
const MAX_MESSAGE_BYTES: usize = 768;
/// Most metadata entries of one failure.
const MAX_METADATA: usize = 12;

impl Failure {
    /// Reads a peer's status, with its details where it sent any.
    ///
    /// The transport's own ways to say "time is over" and "out of reach" are put right first: see
    /// [`crate::client::classify`].
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info();
        let reason = info.map(|info| info.reason.clone()).unwrap_or_default();
        let kind = Kind::from_code(crate::client::classify(status));
        let mut failure = Self::with_reason(kind, reason.into(), status.message().to_owned());
        let parts = &mut failure.0;
        parts.metadata = info.map(|i| i.metadata.clone().into_iter().collect()).unwrap_or_default();
        parts.retry_after = details.retry_info().and_then(|retry| retry.retry_delay);
        parts.resource = details.resource_info().map(|resource| Resource {
            kind: resource.resource_type.clone(),
            name: resource.resource_name.clone(),
        });
        parts.violations = violations_of(&details);
        parts.preconditions = preconditions_of(&details);
        parts.quotas = quotas_of(&details);
        failure
    }

    /// The same failure as a status; the source stays behind, unlogged. For answers inside an answer
    /// (batch items) and tests; everything else converts with `Status::from`.
    #[must_use]
    pub fn to_status(&self) -> Status {
        let parts = &self.0;
        let metadata = parts
            .metadata
            .iter()
            .take(MAX_METADATA)
            .map(|(key, value)| (key.clone(), clip(value.clone(), MAX_DESCRIPTION_BYTES)));
        let mut details = ErrorDetails::new();
        details.set_error_info(
            parts.reason.clone(),
            DOMAIN,
            metadata.collect::<std::collections::HashMap<_, _>>(),
        );
        if parts.retry_after.is_some() {
            details.set_retry_info(parts.retry_after);
        }
        if let Some(resource) = &parts.resource {
            details.set_resource_info(&resource.kind, &resource.name, "", "");
        }
        if !parts.violations.is_empty() {
            details.set_bad_request(capped(&parts.violations, field_violation));
        }
        if !parts.preconditions.is_empty() {
            details.set_precondition_failure(capped(&parts.preconditions, precondition_violation));
        }
        if !parts.quotas.is_empty() {
            details.set_quota_failure(capped(&parts.quotas, quota_violation));
        }
        let message = clip(parts.message.clone(), MAX_MESSAGE_BYTES);
        Status::with_error_details(parts.kind.code(), message, details)
    }

    fn log_source(&self) {
        let Some(source) = StdError::source(self) else { return };
        let mut cause = source.to_string();
        let mut next = source.source();
        while let Some(deeper) = next {
            // Writing to a String cannot fail.
            let _ = write!(cause, ": {deeper}");
            next = deeper.source();
        }
        if self.0.kind.is_server_fault() {
            tracing::error!(reason = %self.0.reason, cause, "{}", self.0.message);
        } else {
            tracing::warn!(reason = %self.0.reason, cause, "{}", self.0.message);
        }
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        failure.log_source();
        failure.to_status()
    }
}

fn capped<T, U>(items: &[T], convert: impl Fn(&T) -> U) -> Vec<U> {
    items.iter().take(MAX_VIOLATIONS).map(convert).collect()
}

fn field_violation(problem: &FieldProblem) -> FieldViolation {
    let mut violation = FieldViolation::new(&problem.field, &problem.description);
    violation.reason = problem.reason.clone();
    violation
}

fn precondition_violation(precondition: &Precondition) -> PreconditionViolation {
    PreconditionViolation::new(
        &precondition.kind,
        clip(precondition.subject.clone(), MAX_DESCRIPTION_BYTES),
        clip(precondition.description.clone(), MAX_DESCRIPTION_BYTES),
    )
}

fn quota_violation(quota: &Quota) -> QuotaViolation {
    QuotaViolation::new(&quota.subject, clip(quota.description.clone(), MAX_DESCRIPTION_BYTES))
}

fn violations_of(details: &ErrorDetails) -> Vec<FieldProblem> {
    let Some(bad) = details.bad_request() else { return Vec::new() };
    bad.field_violations
        .iter()
        .map(|violation| FieldProblem {
            field: violation.field.clone(),
            reason: violation.reason.clone(),
            description: violation.description.clone(),
        })
        .collect()
}

fn preconditions_of(details: &ErrorDetails) -> Vec<Precondition> {
    let Some(failed) = details.precondition_failure() else { return Vec::new() };
    failed
        .violations
        .iter()
        .map(|violation| Precondition {
            kind: violation.r#type.clone(),
            subject: violation.subject.clone(),
            description: violation.description.clone(),
        })
        .collect()
}

fn quotas_of(details: &ErrorDetails) -> Vec<Quota> {
    let Some(failed) = details.quota_failure() else { return Vec::new() };
    failed
        .violations
        .iter()
        .map(|violation| Quota {
            subject: violation.subject.clone(),
            description: violation.description.clone(),
        })
        .collect()
}
