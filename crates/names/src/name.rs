//! How a resource name is declared: a pattern of fixed words and ids.
//!
//! ## Design notes
//! One macro instead of a derive crate: the whole grammar is "fixed word, slash, id", and a reader finds
//! every name of the product in one screen of `resources.rs`. The macro writes the struct, parse,
//! display and serde; it holds no rule of its own beyond matching segments.

use crate::{IdError, id::shorten};

/// Why a text is not the name of a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The fixed words or the number of segments do not fit.
    #[error("`{text}` is not a name of the form {}", quoted(patterns))]
    Shape {
        /// What was sent, shortened.
        text: String,
        /// The forms that were expected, one or several.
        patterns: &'static [&'static str],
    },
    /// The form fits, but an id in it breaks the rule for ids.
    #[error("`{text}` is not a name of the form {}: {source}", quoted(patterns))]
    Id {
        /// What was sent, shortened.
        text: String,
        /// The forms that were expected, one or several.
        patterns: &'static [&'static str],
        /// What is wrong with the id.
        source: IdError,
    },
}

impl NameError {
    pub(crate) fn shape(text: &str, patterns: &'static [&'static str]) -> Self {
        Self::Shape { text: shorten(text), patterns }
    }

    pub(crate) fn id(text: &str, patterns: &'static [&'static str], source: IdError) -> Self {
        Self::Id { text: shorten(text), patterns, source }
    }
}

/// The forms as a message names them: each in quotes of its own.
fn quoted(patterns: &[&str]) -> String {
    let quoted: Vec<_> = patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
    quoted.join(" or ")
}

/// Declares a resource name: fixed words as literals, ids as fields.
macro_rules! resource_name {
    (
        $(#[$meta:meta])*
        $name:ident, $type:literal, $pattern:literal, [$($word:literal $(/ $field:ident)?),+]
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            $($(
                #[doc = concat!("The id after `", $word, "/`.")]
                pub $field: $crate::Id,
            )?)+
        }

        impl $name {
            /// The form of the name, as error messages and the contract write it.
            pub const PATTERN: &'static str = $pattern;
            /// The resource type, as `ResourceInfo` and the contract write it.
            pub const TYPE: &'static str = $type;
        }

        impl std::str::FromStr for $name {
            type Err = $crate::NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut segments = text.split('/');
                $(
                    if segments.next() != Some($word) {
                        return Err($crate::NameError::shape(text, &[$pattern]));
                    }
                    $(
                        let $field = segments
                            .next()
                            .ok_or_else(|| $crate::NameError::shape(text, &[$pattern]))?;
                        let $field = $crate::Id::parse($field)
                            .map_err(|source| $crate::NameError::id(text, &[$pattern], source))?;
                    )?
                )+
                if segments.next().is_some() {
                    return Err($crate::NameError::shape(text, &[$pattern]));
                }
                Ok(Self { $($($field,)?)+ })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut separator = "";
                $(
                    write!(f, "{separator}{}", $word)?;
                    separator = "/";
                    $( write!(f, "/{}", self.$field)?; )?
                )+
                let _ = separator;
                Ok(())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use resource_name;
