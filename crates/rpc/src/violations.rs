//! How a request is refused for what is wrong with its fields.
//!
//! Always holds: [`Refuse::finish`] refuses if and only if something was noted.
//! Absent on purpose: the list itself and its vocabulary, which parsers and domains share (`names`).

use names::{Reason, Violations};

use crate::error::{Failure, FieldProblem, Kind};

pub use crate::error::MAX_VIOLATIONS;

/// Ends the collecting of violations: the request is accepted, or refused with everything that was found.
pub trait Refuse: Sized {
    /// Accepts, or refuses with everything found.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, reason `FIELDS_INVALID`, with at most [`MAX_VIOLATIONS`] violations.
    fn finish(self) -> Result<(), Failure>;

    /// Accepts with a value built from what [`Violations::take`] kept: `build` runs only when nothing was
    /// found, and then every kept value is `Some`.
    ///
    /// # Errors
    /// As [`finish`](Self::finish); INTERNAL when `build` gives nothing although nothing was found.
    fn finish_with<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Failure> {
        self.finish()?;
        build().ok_or_else(|| Failure::defect("a field was dropped without a violation"))
    }
}

impl Refuse for Violations {
    fn finish(self) -> Result<(), Failure> {
        if self.is_empty() { Ok(()) } else { Err(self.into()) }
    }
}

/// A refusal; also of no violation at all, which is for those who know that there is one.
impl From<Violations> for Failure {
    fn from(found: Violations) -> Self {
        let problem = |violation: &names::Violation| {
            FieldProblem::new(
                violation.field.as_str(),
                violation.reason,
                violation.description.as_str(),
            )
        };
        Self::new(Kind::InvalidArgument, Reason::FieldsInvalid, summary(&found))
            .violations_from(found.list().iter().map(problem).collect())
    }
}

fn summary(found: &Violations) -> String {
    let shown = found.list().iter().take(MAX_VIOLATIONS);
    let list: Vec<_> =
        shown.map(|problem| format!("{}: {}", problem.field, problem.description)).collect();
    let more = match found.len().saturating_sub(MAX_VIOLATIONS) {
        0 => String::new(),
        hidden => format!("; and {hidden} more"),
    };
    let subject = if found.len() == 1 { "field is" } else { "fields are" };
    format!("{} {subject} invalid{more}: {}", found.len(), list.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_at_once() {
        let mut found = Violations::new();
        let id = found.take("app_connector_group_id", names::Id::parse("Berlin"));
        found.within("app_connector_group", |v| {
            v.require("display_name", None::<()>);
            v.add("location.latitude", Reason::OutOfRange, "must be -90…90");
        });
        assert_eq!(id, None);
        let failure = found.finish().unwrap_err();
        let fields: Vec<_> = failure.violations().iter().map(|v| v.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "app_connector_group_id",
                "app_connector_group.display_name",
                "app_connector_group.location.latitude"
            ]
        );
        assert!(failure.message().contains("3 fields are invalid"), "{failure}");
        assert!(failure.message().contains("must be -90…90"), "{failure}");
    }

    #[test]
    fn a_clean_request_builds_its_value() {
        let mut found = Violations::new();
        let id = found.take("id", names::Id::parse("berlin"));
        assert_eq!(found.finish_with(|| id).unwrap().as_str(), "berlin");
    }

    #[test]
    fn the_reasons_are_those_of_the_contract() {
        let list = proto::POOL.get_enum_by_name("causeway.type.v1.ErrorReason").unwrap();
        let listed: Vec<_> = list.values().map(|value| value.name().to_owned()).skip(1).collect();
        let words: Vec<_> =
            Reason::ALL.iter().map(|reason| format!("ERROR_REASON_{reason}")).collect();
        assert_eq!(words, listed);
    }
}
