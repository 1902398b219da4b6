//! Collects what is wrong with a request, so that a caller learns all of it at once.
//!
//! Always holds: [`Violations::finish`] refuses if and only if something was added.
//! Absent on purpose: rules. A value's rule lives in its type; this only carries what the type says.

use std::fmt::Display;

use crate::error::{Failure, FieldProblem, Kind};

pub use crate::error::MAX_VIOLATIONS;

/// Reason of a refusal that carries field violations.
pub const FIELDS_INVALID: &str = "FIELDS_INVALID";
/// Violation reason: the field must be sent.
pub const REQUIRED: &str = "REQUIRED";
/// Violation reason: the value does not have the form of its type.
pub const MALFORMED: &str = "MALFORMED";
/// Violation reason: the value is outside its range.
pub const OUT_OF_RANGE: &str = "OUT_OF_RANGE";

/// Everything wrong with one request, in the order found.
#[derive(Debug, Default)]
#[must_use = "call finish() to refuse the request"]
pub struct Violations {
    prefix: String,
    found: Vec<FieldProblem>,
}

impl Violations {
    /// Nothing wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes one problem. `field` is the path below the current prefix; `description` says the rule and the fix.
    pub fn add(&mut self, field: &str, reason: &'static str, description: impl Into<String>) {
        let path = self.path(field);
        self.found.push(FieldProblem::new(path, reason, description));
    }

    /// Keeps a parsed value, or notes why it did not parse (reason `MALFORMED`).
    pub fn take<T, E: Display>(&mut self, field: &str, parsed: Result<T, E>) -> Option<T> {
        self.take_as(field, MALFORMED, parsed)
    }

    /// Keeps a parsed value, or notes why it did not parse, with a reason of its own.
    pub fn take_as<T, E: Display>(
        &mut self,
        field: &str,
        reason: &'static str,
        parsed: Result<T, E>,
    ) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(field, reason, error.to_string());
                None
            }
        }
    }

    /// Keeps a value that must be present, or notes that it is missing.
    pub fn require<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(field, REQUIRED, format!("`{field}` must be set"));
        }
        value
    }

    /// Keeps a text that must not be empty, or notes that it is missing.
    pub fn require_text<'a>(&mut self, field: &str, text: &'a str) -> Option<&'a str> {
        self.require(field, (!text.is_empty()).then_some(text))
    }

    /// Runs `check` with every field path below `field`, for a nested message or a list item (`items[3]`).
    pub fn within<T>(&mut self, field: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::take(&mut self.prefix);
        self.prefix = if outer.is_empty() { field.to_owned() } else { format!("{outer}.{field}") };
        let result = check(self);
        self.prefix = outer;
        result
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many problems were found.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Accepts, or refuses with everything found.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, reason `FIELDS_INVALID`, with at most [`MAX_VIOLATIONS`] violations.
    pub fn finish(self) -> Result<(), Failure> {
        if self.found.is_empty() {
            return Ok(());
        }
        Err(Failure::new(Kind::InvalidArgument, FIELDS_INVALID, self.summary())
            .violations_from(self.found))
    }

    /// Accepts with a value built from what [`take`](Self::take) kept: `build` runs only when nothing was
    /// found, and then every kept value is `Some`.
    ///
    /// # Errors
    /// As [`finish`](Self::finish); INTERNAL when `build` gives nothing although nothing was found.
    pub fn finish_with<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Failure> {
        self.finish()?;
        build().ok_or_else(|| {
            Failure::internal("FIELD_DROPPED", "a field was dropped without a violation")
        })
    }

    fn path(&self, field: &str) -> String {
        match (self.prefix.is_empty(), field.is_empty()) {
            (true, _) => field.to_owned(),
            (false, true) => self.prefix.clone(),
            (false, false) => format!("{}.{field}", self.prefix),
        }
    }

    fn summary(&self) -> String {
        let shown = self.found.iter().take(MAX_VIOLATIONS);
        let list: Vec<_> =
            shown.map(|problem| format!("{}: {}", problem.field, problem.description)).collect();
        let more = match self.found.len().saturating_sub(MAX_VIOLATIONS) {
            0 => String::new(),
            hidden => format!("; and {hidden} more"),
        };
        let subject = if self.found.len() == 1 { "field is" } else { "fields are" };
        format!("{} {subject} invalid{more}: {}", self.found.len(), list.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named_at_once_with_its_full_path() {
        let mut found = Violations::new();
        let id = found.take("app_connector_group_id", names::Id::parse("Berlin"));
        found.within("app_connector_group", |v| {
            v.require("display_name", None::<()>);
            v.within("location", |v| v.add("latitude", OUT_OF_RANGE, "must be -90…90"));
            v.within("items[2]", |v| v.add("", OUT_OF_RANGE, "too much"));
        });
        assert_eq!(id, None);
        let failure = found.finish().unwrap_err();
        let fields: Vec<_> = failure.violations().iter().map(|v| v.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "app_connector_group_id",
                "app_connector_group.display_name",
                "app_connector_group.location.latitude",
                "app_connector_group.items[2]"
            ]
        );
        assert!(failure.message().contains("4 fields are invalid"), "{failure}");
        assert!(failure.message().contains("must be -90…90"), "{failure}");
    }

    #[test]
    fn a_clean_request_builds_its_value() {
        let mut found = Violations::new();
        let id = found.take("id", names::Id::parse("berlin"));
        assert_eq!(found.finish_with(|| id).unwrap().as_str(), "berlin");
    }
}
