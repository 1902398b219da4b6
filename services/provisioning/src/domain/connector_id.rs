//! What a newcomer is called: `<prefix>-<number>`.
//!
//! Always holds: two different (prefix, number) pairs give two different ids, because the digits after the last
//! `-` are the number; the prefix is an id itself and leaves room for any number.

use names::Id;

use super::text::DisplayName;

/// Longest prefix, in bytes: an id has 63, a `-` one, and twelve digits outlast every fleet.
const MAX_PREFIX_BYTES: usize = 50;
/// Prefix where the display name has nothing that an id could hold.
const FALLBACK: &str = "connector";

/// The beginning of the ids of a key's connectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnectorPrefix(String);

impl ConnectorPrefix {
    /// Lower case, everything but a-z and 0-9 turned to single `-`; a letter first.
    pub(crate) fn of(name: &DisplayName) -> Self {
        let mut slug = String::new();
        for character in name.folded().chars() {
            if character.is_ascii_lowercase() || character.is_ascii_digit() {
                slug.push(character);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        if slug.starts_with(|first: char| first.is_ascii_digit()) {
            slug.insert_str(0, "c-");
        }
        slug.truncate(MAX_PREFIX_BYTES);
        let slug = slug.trim_end_matches('-');
        Self(if slug.is_empty() { FALLBACK } else { slug }.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the connector with this number, from 1.
    ///
    /// `None` above 999,999,999,999, where it would outgrow an id.
    pub(crate) fn id(&self, number: u64) -> Option<Id> {
        Id::parse(&format!("{}-{number}", self.0)).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str) -> ConnectorPrefix {
        ConnectorPrefix::of(&DisplayName::parse(text).unwrap())
    }

    #[test]
    fn the_prefix_is_the_display_name_as_an_id() {
        for (name, expected) in [
            ("Berlin", "berlin-1"),
            ("Berlin  DC / rack 7", "berlin-dc-rack-7-1"),
            ("7 hills", "c-7-hills-1"),
            ("北京", "connector-1"),
            ("--", "connector-1"),
            ("Zürich", "z-rich-1"),
        ] {
            assert_eq!(prefix(name).id(1).unwrap().as_str(), expected);
        }
    }

    proptest! {
        #[test]
        fn every_display_name_gives_ids_for_a_fleet(text in "[^\\p{C}]{1,63}", n in 1_u64..1_000_000_000_000) {
            if let Ok(name) = DisplayName::parse(&text) {
                let prefix = ConnectorPrefix::of(&name);
                let id = prefix.id(n);
                prop_assert!(id.is_some(), "{:?}", prefix);
                let id = id.unwrap();
                let (head, tail) = id.as_str().rsplit_once('-').unwrap();
                prop_assert_eq!(head, prefix.as_str());
                prop_assert_eq!(tail.parse::<u64>().unwrap(), n);
            }
        }
    }
}
