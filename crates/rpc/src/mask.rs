//! Field masks: which fields of a resource an update or a read is about (AIP-134, AIP-161).
//!
//! Always holds: a [`Mask`] holds only paths from the allowed list; an unknown path is a violation that names
//! the allowed ones.
//! Absent on purpose: applying a mask to a message. Each service does that with a `match` over its own
//! fields, so that a new field is a compile error there.

use names::{Reason, Violations};
use std::collections::BTreeSet;

/// The fields that an update is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// No mask was sent: every field that is populated in the message.
    Populated,
    /// Exactly these paths.
    Paths(BTreeSet<&'static str>),
}

impl Mask {
    /// Reads a mask. An absent or empty one means [`Mask::Populated`]; `*` means every allowed path; a path
    /// selects itself and, when it is a message, every allowed path below it.
    pub fn parse(
        field: &str,
        mask: Option<&prost_types::FieldMask>,
        allowed: &'static [&'static str],
        violations: &mut Violations,
    ) -> Self {
        match mask {
            Some(mask) if !mask.paths.is_empty() => {
                let mut chosen = BTreeSet::new();
                for path in &mask.paths {
                    let before = chosen.len();
                    chosen.extend(select(path, allowed));
                    if chosen.len() == before && select(path, allowed).next().is_none() {
                        violations.add(field, Reason::UnknownPath, unknown(path, allowed));
                    }
                }
                Self::Paths(chosen)
            }
            _ => Self::Populated,
        }
    }

    /// Whether the update is about `path`; `populated` says whether the message carries a value there.
    #[must_use]
    pub fn includes(&self, path: &str, populated: bool) -> bool {
        match self {
            Self::Populated => populated,
            Self::Paths(paths) => paths.contains(path),
        }
    }
}

/// The allowed paths that a mask names, in the order of `allowed`.
///
/// # Errors
/// Violations of `update_mask`, one for each unknown path, naming the allowed ones.
pub fn paths(
    mask: &prost_types::FieldMask,
    allowed: &'static [&'static str],
) -> Result<Vec<&'static str>, Violations> {
    let mut violations = Violations::new();
    let parsed = Mask::parse("update_mask", Some(mask), allowed, &mut violations);
    if !violations.is_empty() {
        return Err(violations);
    }
    Ok(allowed.iter().copied().filter(|path| parsed.includes(path, false)).collect())
}

fn select<'a>(
    path: &'a str,
    allowed: &'static [&'static str],
) -> impl Iterator<Item = &'static str> + 'a {
    allowed.iter().copied().filter(move |candidate| {
        path == "*"
            || candidate
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || (rest.starts_with('.') && !path.is_empty()))
    })
}

fn unknown(path: &str, allowed: &[&str]) -> String {
    let path = crate::error::clip(path.to_owned(), 64);
    format!("`{path}` cannot be set; use `*` or some of: {}", allowed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Refuse as _;

    const ALLOWED: &[&str] =
        &["display_name", "location.latitude", "location.longitude", "locations"];

    fn mask(paths: &[&str]) -> prost_types::FieldMask {
        prost_types::FieldMask { paths: paths.iter().map(|p| (*p).to_owned()).collect() }
    }

    #[test]
    fn a_path_selects_itself_and_what_is_below_it() {
        let cases: [(&[&str], &[&str]); 4] = [
            (&["display_name"], &["display_name"]),
            (&["location"], &["location.latitude", "location.longitude"]),
            (&["location.latitude", "location"], &["location.latitude", "location.longitude"]),
            (&["*"], ALLOWED),
        ];
        for (sent, expected) in cases {
            assert_eq!(paths(&mask(sent), ALLOWED).unwrap(), expected, "{sent:?}");
        }
    }

    #[test]
    fn every_unknown_path_is_named_with_the_allowed_ones() {
        let failure =
            paths(&mask(&["displayName", "location", "", "loc"]), ALLOWED).unwrap_err().finish();
        let failure = failure.unwrap_err();
        assert_eq!(failure.violations().len(), 3);
        let first = &failure.violations()[0];
        assert_eq!(
            (first.field.as_str(), first.reason.as_str()),
            ("update_mask", Reason::UnknownPath.word())
        );
        assert!(first.description.contains("displayName"), "{first:?}");
        assert!(first.description.contains("location.latitude"), "{first:?}");
    }

    #[test]
    fn without_a_mask_only_populated_fields_are_meant() {
        let mut violations = Violations::new();
        for sent in [None, Some(mask(&[]))] {
            let parsed = Mask::parse("update_mask", sent.as_ref(), ALLOWED, &mut violations);
            assert!(parsed.includes("display_name", true));
            assert!(!parsed.includes("display_name", false));
        }
    }
}
