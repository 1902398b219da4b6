//! What a refused call tells its caller.
//!
//! Owns: [`Kind`], the closed list of ways to fail, and its one mapping to gRPC codes; [`Failure`], which
//! carries a stable reason, a message that names the fix, and the `google.rpc` details.
//! Always holds: a status that leaves the edge carries `ErrorInfo` with domain `causeway`; an error's source is
//! logged once and never sent; what is sent fits the 16 KiB that HTTP/2 clients accept as headers.
//! Absent on purpose: the reasons of a service. Each service has its own error enum that becomes a
//! `Failure` in one place.

mod details;
mod kind;
mod problems;

use std::{collections::BTreeMap, error::Error as StdError, fmt, time::Duration};

use names::Reason;

pub use details::MAX_VIOLATIONS;
pub use kind::{Kind, code_name};
pub(crate) use problems::clip;
pub use problems::{FieldProblem, Precondition, Quota, Resource};

/// The `ErrorInfo.domain` of every failure.
pub const DOMAIN: &str = "causeway";

/// A cause that is logged at the edge and never sent.
pub type Source = Box<dyn StdError + Send + Sync>;

/// Why a call was refused or broke.
///
/// Built like `Failure::new(Kind::Aborted, Reason::EtagMismatch, "…").metadata("etag", etag)`. Boxed inside, so
/// that `Result<T, Failure>` stays small.
pub struct Failure(Box<Parts>);

struct Parts {
    kind: Kind,
    reason: std::borrow::Cow<'static, str>,
    message: String,
    metadata: BTreeMap<String, String>,
    violations: Vec<FieldProblem>,
    preconditions: Vec<Precondition>,
    quotas: Vec<Quota>,
    retry_after: Option<Duration>,
    resource: Option<Resource>,
    source: Option<Source>,
}

impl Failure {
    /// A failure of `kind` with a reason of the contract and a message naming what to do.
    pub fn new(kind: Kind, reason: Reason, message: impl Into<String>) -> Self {
        Self::with_reason(kind, reason.word().into(), message.into())
    }

    fn with_reason(kind: Kind, reason: std::borrow::Cow<'static, str>, message: String) -> Self {
        Self(Box::new(Parts {
            kind,
            reason,
            message,
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            preconditions: Vec::new(),
            quotas: Vec::new(),
            retry_after: None,
            resource: None,
            source: None,
        }))
    }

    /// The one shape of "there is no such thing", for missing objects and for those of a foreign tenant.
    pub fn not_found(resource_type: impl Into<String>, name: impl fmt::Display) -> Self {
        let name = name.to_string();
        let message =
            format!("`{name}` does not exist; check the name, or list the collection it is in");
        Self::new(Kind::NotFound, Reason::ResourceNotFound, message).resource(resource_type, name)
    }

    /// A defect of ours: the caller learns only that it is one.
    pub fn defect(source: impl Into<Source>) -> Self {
        let message = "the server has a defect; the request id finds its log";
        Self::new(Kind::Internal, Reason::Defect, message).source(source)
    }

    /// Adds one `ErrorInfo.metadata` entry.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl fmt::Display) -> Self {
        self.0.metadata.insert(key.into(), value.to_string());
        self
    }

    /// Adds a `BadRequest` violation: the field's path, a reason of the contract, the rule and the fix.
    #[must_use]
    pub fn violation(
        mut self,
        field: impl Into<String>,
        reason: Reason,
        fix: impl Into<String>,
    ) -> Self {
        self.0.violations.push(FieldProblem::new(field, reason, fix));
        self
    }

    /// Renames the beginning of the violated fields' paths: for a failure of a call that was made for another, whose
    /// request carries the same message under another name.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        for problem in &mut self.0.violations {
            if let Some(rest) = problem.field.strip_prefix(from)
                && (rest.is_empty() || rest.starts_with('.'))
            {
                problem.field = format!("{to}{rest}");
            }
        }
        self
    }

    pub(crate) fn violations_from(mut self, violations: Vec<FieldProblem>) -> Self {
        self.0.violations = violations;
        self
    }

    /// Adds a `PreconditionFailure`: its kind, the object it is about, what has to change.
    #[must_use]
    pub fn precondition(
        mut self,
        kind: Reason,
        subject: impl fmt::Display,
        description: impl Into<String>,
    ) -> Self {
        self.0.preconditions.push(Precondition {
            kind: kind.word().to_owned(),
            subject: subject.to_string(),
            description: description.into(),
        });
        self
    }

    /// Adds a `QuotaFailure`: what the quota is counted on, and its rule.
    #[must_use]
    pub fn quota(mut self, subject: impl fmt::Display, description: impl Into<String>) -> Self {
        self.0.quotas.push(Quota { subject: subject.to_string(), description: description.into() });
        self
    }

    /// Says that a retry makes sense, and how long to wait first.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// Names the object that the failure is about, for example `causeway/Tenant`, `tenants/acme`.
    #[must_use]
    pub fn resource(mut self, resource_type: impl Into<String>, name: impl fmt::Display) -> Self {
        self.0.resource = Some(Resource { kind: resource_type.into(), name: name.to_string() });
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The kind, and through it the gRPC code.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The stable reason, `UPPER_SNAKE`; empty when a peer sent none.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Whether it is for this reason.
    #[must_use]
    pub fn is(&self, reason: Reason) -> bool {
        self.reason() == reason
    }

    /// What a person reads.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// `ErrorInfo.metadata`.
    #[must_use]
    pub fn metadata_map(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// Every violated field.
    #[must_use]
    pub fn violations(&self) -> &[FieldProblem] {
        &self.0.violations
    }

    /// Every precondition that did not hold.
    #[must_use]
    pub fn preconditions(&self) -> &[Precondition] {
        &self.0.preconditions
    }

    /// Every quota that was spent.
    #[must_use]
    pub fn quotas(&self) -> &[Quota] {
        &self.0.quotas
    }

    /// How long to wait before a retry, when one makes sense.
    #[must_use]
    pub fn retry_delay(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The object that the failure is about.
    #[must_use]
    pub fn resource_info(&self) -> Option<&Resource> {
        self.0.resource.as_ref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.message, self.0.reason)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("kind", &self.0.kind)
            .field("reason", &self.0.reason)
            .field("message", &self.0.message)
            .field("metadata", &self.0.metadata)
            .field("violations", &self.0.violations)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests;
