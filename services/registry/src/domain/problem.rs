//! What is wrong with a request: every violated field, its rule and the fix.

/// Reason: the field must be sent.
pub const REQUIRED: &str = "REQUIRED";
/// Reason: an object of another tenant is named.
pub const FOREIGN_TENANT: &str = "FOREIGN_TENANT";

/// One violated field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field in the request, for example `app_connector_group.location.time_zone`.
    pub field: String,
    /// Stable word in capitals, for example `OUT_OF_RANGE`.
    pub reason: &'static str,
    /// The rule and how to keep it.
    pub fix: String,
}

/// Collects problems, so that a caller learns all of them at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// None so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a violated field.
    pub fn add(&mut self, field: impl Into<String>, reason: &'static str, fix: impl Into<String>) {
        self.0.push(Problem { field: field.into(), reason, fix: fix.into() });
    }

    /// Notes a required field that is absent.
    pub fn missing(&mut self, field: impl Into<String>, fix: impl Into<String>) {
        self.add(field, REQUIRED, fix);
    }

    /// The value, or `None` with the error noted as `INVALID`.
    pub fn take<T, E: std::fmt::Display>(
        &mut self,
        field: &str,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.add(field, "INVALID", error.to_string())).ok()
    }

    /// Keeps those for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&Problem) -> bool) {
        self.0.retain(keep);
    }

    /// Adds what was found elsewhere.
    pub fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order in which they were found.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.0
    }
}
