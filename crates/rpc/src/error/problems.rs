//! What a failure says besides its message, each in its own shape.
//!
//! Always holds: what repeats a caller's words is cut to a length, so that an answer stays within what its peer reads.
//! Absent on purpose: the wire; `details` writes and reads it.

/// Longest field path sent back, in bytes; a path repeats what the caller wrote.
const MAX_FIELD_BYTES: usize = 96;
/// Longest description of a violation, in bytes: two sentences.
pub(super) const MAX_DESCRIPTION_BYTES: usize = 256;

/// One violated field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// Path from the request's root, for example `app_connector_group.location.latitude`.
    pub field: String,
    /// `UPPER_SNAKE` word for programs; empty when a peer sent none.
    pub reason: String,
    /// The rule and the fix.
    pub description: String,
}

impl FieldProblem {
    pub(crate) fn new(
        field: impl Into<String>,
        reason: names::Reason,
        description: impl Into<String>,
    ) -> Self {
        Self {
            field: clip(field.into(), MAX_FIELD_BYTES),
            reason: reason.word().to_owned(),
            description: clip(description.into(), MAX_DESCRIPTION_BYTES),
        }
    }
}

/// One precondition that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precondition {
    /// Its kind, `UPPER_SNAKE`.
    pub kind: String,
    /// The object it is about.
    pub subject: String,
    /// What has to change.
    pub description: String,
}

/// One quota that was spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What it is counted on, for example a tenant's name.
    pub subject: String,
    /// The quota's rule.
    pub description: String,
}

/// The object that a failure is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Type, for example `causeway/Tenant`.
    pub kind: String,
    /// Full name.
    pub name: String,
}

/// Cuts at a character boundary and marks the cut.
pub(crate) fn clip(mut text: String, max: usize) -> String {
    if text.len() <= max {
        return text;
    }
    const MARK: &str = "…";
    let mut end = max.saturating_sub(MARK.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str(MARK);
    text
}
