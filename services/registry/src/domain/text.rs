//! Texts that people write: names, descriptions, labels.

use std::collections::BTreeMap;

use names::{Reason, is_label_key};
use serde::{Deserialize, Serialize};

use super::{Rules, Violations};

/// Longest display name, in characters: fits a table column and a file name.
pub(super) const MAX_DISPLAY_NAME_CHARS: usize = 255;
/// Longest description, in characters: a paragraph, not a document.
pub(super) const MAX_DESCRIPTION_CHARS: usize = 2_048;
/// Longest label value, in characters.
pub(super) const MAX_LABEL_VALUE_CHARS: usize = 255;

/// A name for people: 1 to 255 characters, no control characters, no space at either end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DisplayName(String);

impl DisplayName {
    /// Checks a display name.
    pub fn check(text: &str, at: &str, problems: &mut Violations) -> Option<Self> {
        if text.is_empty() {
            problems.missing(at, "give it a name of 1 to 255 characters");
            return None;
        }
        if text.chars().count() > MAX_DISPLAY_NAME_CHARS {
            problems.add(at, Reason::TooLong, "at most 255 characters; shorten it");
            return None;
        }
        if text.chars().any(char::is_control) || text.trim() != text {
            problems.add(
                at,
                Reason::Malformed,
                "no control characters and no space at either end; remove them",
            );
            return None;
        }
        Some(Self(text.to_owned()))
    }

    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two names that look alike share.
    #[must_use]
    pub fn key(&self) -> String {
        names::display_key(&self.0)
    }
}

/// Free text of at most 2,048 characters; lines and tabs are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Description(String);

impl Description {
    /// Checks a description.
    pub fn check(text: &str, at: &str, problems: &mut Violations) -> Option<Self> {
        if text.chars().count() > MAX_DESCRIPTION_CHARS {
            problems.add(at, Reason::TooLong, "at most 2048 characters; shorten it");
            return None;
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            problems.add(
                at,
                Reason::Malformed,
                "no control characters but line ends and tabs; remove them",
            );
            return None;
        }
        Some(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Labels: key to value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Checks labels against the rules and the quota.
    pub fn check(
        labels: &BTreeMap<String, String>,
        rules: &Rules,
        at: &str,
        problems: &mut Violations,
    ) -> Option<Self> {
        let before = problems.list().len();
        let most = rules.quotas.labels_per_object;
        if labels.len() > most {
            problems.add(
                at,
                Reason::QuotaExceeded,
                format!("at most {most} labels; remove {}", labels.len() - most),
            );
        }
        for (key, value) in labels {
            if !is_label_key(key) {
                problems.add(
                    format!("{at}[{key:.80}]"),
                    Reason::Malformed,
                    "a key is 1 to 63 of a-z, 0-9, `.`, `_`, `-` and `/`, begins with a letter and ends with a letter or digit",
                );
            }
            if value.chars().count() > MAX_LABEL_VALUE_CHARS || value.chars().any(char::is_control)
            {
                problems.add(
                    format!("{at}[{key:.80}]"),
                    Reason::Malformed,
                    "a value has at most 255 characters and no control characters",
                );
            }
        }
        (problems.list().len() == before).then(|| Self(labels.clone()))
    }

    /// The labels, by key.
    #[must_use]
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<DisplayName, Violations> {
        let mut problems = Violations::new();
        DisplayName::check(text, "display_name", &mut problems).ok_or(problems)
    }

    #[test]
    fn a_display_name_is_short_and_printable() {
        for bad in ["", " x", "x ", "a\nb", "\u{0}", &"x".repeat(256)] {
            assert!(name(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(name(&"ü".repeat(255)).is_ok());
    }

    #[test]
    fn every_bad_label_is_named() {
        let labels = [("ok", "x"), ("Bad", "x"), ("also-", "x"), ("v", "\u{7}")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into();
        let mut problems = Violations::new();
        assert!(Labels::check(&labels, &Rules::default(), "labels", &mut problems).is_none());
        let fields: Vec<_> = problems.list().iter().map(|p| p.field.as_str()).collect();
        assert_eq!(fields, ["labels[Bad]", "labels[also-]", "labels[v]"]);
    }
}
