//! Small texts with a rule: display names and labels.

use std::collections::BTreeMap;

use names::{Reason, is_label_key};

/// Longest display name, in characters: one line of a table.
const MAX_DISPLAY_NAME_CHARS: usize = 63;
/// Most labels of one object (the tenant quota's default).
const MAX_LABELS: usize = 64;
/// Longest label value, in characters.
const MAX_LABEL_VALUE_CHARS: usize = 255;

/// Why a text is refused: a stable reason and the rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub(crate) struct TextError {
    /// Stable reason word.
    pub(crate) reason: Reason,
    /// The rule, with the way to obey it.
    pub(crate) rule: String,
}

impl TextError {
    fn new(reason: Reason, rule: impl Into<String>) -> Self {
        Self { reason, rule: rule.into() }
    }
}

/// A name for people: 1 to 63 characters, none of them a control character, no space at the ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DisplayName(String);

impl DisplayName {
    pub(crate) fn parse(text: &str) -> Result<Self, TextError> {
        let rule = || format!("use 1 to {MAX_DISPLAY_NAME_CHARS} characters");
        if text.is_empty() {
            return Err(TextError::new(Reason::Required, rule()));
        }
        if text.chars().count() > MAX_DISPLAY_NAME_CHARS {
            return Err(TextError::new(Reason::TooLong, rule()));
        }
        if text.chars().any(char::is_control) || text.trim() != text {
            let rule = "leave out control characters, and spaces at the ends";
            return Err(TextError::new(Reason::Malformed, rule));
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which names are compared.
    pub(crate) fn folded(&self) -> String {
        names::display_key(&self.0)
    }
}

/// Labels: at most 64; keys `[a-z]([a-z0-9._/-]{0,61}[a-z0-9])?`, values at most 255 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels(BTreeMap<String, String>);

impl Labels {
    pub(crate) fn parse(
        labels: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, TextError> {
        let labels: BTreeMap<_, _> = labels.into_iter().collect();
        if labels.len() > MAX_LABELS {
            let rule = format!("at most {MAX_LABELS} labels; leave some out");
            return Err(TextError::new(Reason::TooMany, rule));
        }
        for (key, value) in &labels {
            if !is_label_key(key) {
                let rule = "a label's key is 1 to 63 of a-z, 0-9, `.`, `_`, `/` and `-`, beginning with a letter and ending with a letter or digit";
                return Err(TextError::new(Reason::Malformed, rule));
            }
            if value.chars().count() > MAX_LABEL_VALUE_CHARS || value.chars().any(char::is_control)
            {
                let rule =
                    "a label's value is at most 255 characters, none of them a control character";
                return Err(TextError::new(Reason::Malformed, rule));
            }
        }
        Ok(Self(labels))
    }

    pub(crate) fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_are_compared_without_case_and_width() {
        let folded = |text| DisplayName::parse(text).unwrap().folded();
        assert_eq!(folded("Berlin"), folded("ＢＥＲＬＩＮ"));
        assert_ne!(folded("Berlin"), folded("Bern"));
    }

    #[test]
    fn a_bad_display_name_says_the_rule() {
        for (text, reason) in [
            (String::new(), Reason::Required),
            ("x".repeat(64), Reason::TooLong),
            ("a\nb".into(), Reason::Malformed),
            (" a".into(), Reason::Malformed),
        ] {
            assert_eq!(DisplayName::parse(&text).unwrap_err().reason, reason, "{text:?}");
        }
    }

    #[test]
    fn labels_keep_their_limits() {
        let one = |key: &str, value: &str| Labels::parse([(key.to_owned(), value.to_owned())]);
        assert!(one("rack.eu/row-1", "").is_ok());
        for bad in ["", "A", "1a", "a-", "a b", &"a".repeat(64)] {
            assert_eq!(one(bad, "x").unwrap_err().reason, Reason::Malformed, "{bad:?}");
        }
        assert!(one("a", &"x".repeat(256)).is_err());
        let many = (0..65).map(|n| (format!("k{n}"), String::new()));
        assert_eq!(Labels::parse(many).unwrap_err().reason, Reason::TooMany);
    }
}
