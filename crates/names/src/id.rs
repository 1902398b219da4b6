//! The last word of a name.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

/// Longest id, in bytes: one DNS label, so that ids fit host names, labels and SPIFFE paths.
pub const MAX_ID_LEN: usize = 63;

/// An id as callers choose it: `[a-z]([a-z0-9-]{0,61}[a-z0-9])?`, 1 to 63 bytes.
///
/// Cheap to clone: names are copied into every index.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Arc<str>);

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an id: {problem}; use 1 to 63 of a-z, 0-9 and `-`, beginning with a letter and ending with a letter or digit"
)]
pub struct IdError {
    text: String,
    problem: &'static str,
}

impl Id {
    /// Parses an id.
    ///
    /// # Errors
    /// [`IdError`] with what is wrong and the rule.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        match problem(text) {
            None => Ok(Self(text.into())),
            Some(problem) => Err(IdError { text: shorten(text), problem }),
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn problem(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return Some("it is empty");
    };
    if bytes.len() > MAX_ID_LEN {
        return Some("it is longer than 63 bytes");
    }
    if !first.is_ascii_lowercase() {
        return Some("it does not begin with a lower-case letter");
    }
    if *last == b'-' {
        return Some("it ends with `-`");
    }
    let allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    (!bytes.iter().all(allowed)).then_some("it has a character outside a-z, 0-9 and `-`")
}

/// A message repeats at most this much of what the caller sent.
pub(crate) fn shorten(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_dns_label_that_begins_with_a_letter() {
        for good in ["a", "a1", "a-1", "berlin-2", &"a".repeat(63)] {
            assert_eq!(Id::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "1a", "-a", "a-", "A", "a_b", "a.b", "ä", "a/b", &"a".repeat(64)] {
            assert!(Id::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn an_error_names_the_problem_and_the_rule_and_shortens_the_text() {
        let error = Id::parse(&"X".repeat(500)).unwrap_err().to_string();
        assert!(error.contains("longer than 63 bytes"), "{error}");
        assert!(error.contains("beginning with a letter"), "{error}");
        assert!(error.len() < 400, "{error}");
    }
}
