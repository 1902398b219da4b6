//! Collects what is wrong with a request, so that a caller learns all of it at once.
//!
//! Owns: the one vocabulary in which parsers, domains and handlers say that a field breaks a rule.
//! Always holds: a violation names the field's path from the request's root, a reason of the contract, and the rule with its fix.
//! Absent on purpose: rules (a value's rule lives in its type), and the wire: how a refusal is sent is the edge's.

use std::fmt::Display;

use crate::Reason;

/// One field that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path in the request, for example `app_connector_group.location.time_zone`.
    pub field: String,
    /// Why, as a word for programs.
    pub reason: Reason,
    /// The rule and how to keep it.
    pub description: String,
}

/// Everything wrong with one request, in the order found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "look at what was found, or the request counts as right"]
pub struct Violations {
    prefix: String,
    found: Vec<Violation>,
}

impl Violations {
    /// Nothing wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes one problem. `field` is the path below the current prefix; `description` says the rule and the fix.
    pub fn add(&mut self, field: impl AsRef<str>, reason: Reason, description: impl Into<String>) {
        let field = self.path(field.as_ref());
        self.found.push(Violation { field, reason, description: description.into() });
    }

    /// Notes a required field that is absent.
    pub fn missing(&mut self, field: impl AsRef<str>, fix: impl Into<String>) {
        self.add(field, Reason::Required, fix);
    }

    /// Keeps a parsed value, or notes why it did not parse (reason `MALFORMED`).
    pub fn take<T, E: Display>(
        &mut self,
        field: impl AsRef<str>,
        parsed: Result<T, E>,
    ) -> Option<T> {
        self.take_as(field, Reason::Malformed, parsed)
    }

    /// Keeps a parsed value, or notes why it did not parse, with a reason of its own.
    pub fn take_as<T, E: Display>(
        &mut self,
        field: impl AsRef<str>,
        reason: Reason,
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
            self.missing(field, format!("`{field}` must be set"));
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

    /// Keeps those for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&Violation) -> bool) {
        self.found.retain(keep);
    }

    /// Adds what was found elsewhere in the same request.
    pub fn append(&mut self, others: Self) {
        self.found.extend(others.found);
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

    /// All of them, in the order in which they were found.
    #[must_use]
    pub fn list(&self) -> &[Violation] {
        &self.found
    }

    fn path(&self, field: &str) -> String {
        match (self.prefix.is_empty(), field.is_empty()) {
            (true, _) => field.to_owned(),
            (false, true) => self.prefix.clone(),
            (false, false) => format!("{}.{field}", self.prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_noted_with_its_full_path() {
        let mut found = Violations::new();
        let id = found.take("app_connector_group_id", crate::Id::parse("Berlin"));
        found.within("app_connector_group", |v| {
            v.require("display_name", None::<()>);
            v.within("location", |v| v.add("latitude", Reason::OutOfRange, "must be -90…90"));
            v.within("items[2]", |v| v.add("", Reason::OutOfRange, "too much"));
        });
        assert_eq!(id, None);
        let fields: Vec<_> = found.list().iter().map(|v| v.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "app_connector_group_id",
                "app_connector_group.display_name",
                "app_connector_group.location.latitude",
                "app_connector_group.items[2]"
            ]
        );
        found.retain(|violation| violation.reason != Reason::Required);
        assert_eq!(found.len(), 3);
    }
}
