//! Comparisons, joined.
//!
//! Owns: a filter as a tree, and whether it holds for a message. Absent on purpose: the text; `parse` makes the tree of it.

use prost_reflect::DynamicMessage;

use super::value::Restriction;

/// A comparison, or several joined.
#[derive(Clone, Debug)]
pub(super) enum Term {
    All(Vec<Term>),
    Any(Vec<Term>),
    Not(Box<Term>),
    Is(Restriction),
}

impl Term {
    /// Whether a message matches.
    pub(super) fn holds(&self, message: &DynamicMessage) -> bool {
        match self {
            Self::All(terms) => terms.iter().all(|term| term.holds(message)),
            Self::Any(terms) => terms.iter().any(|term| term.holds(message)),
            Self::Not(term) => !term.holds(message),
            Self::Is(restriction) => restriction.holds(message),
        }
    }
}
