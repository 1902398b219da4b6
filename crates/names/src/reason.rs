//! Reason words of errors, as the contract lists them.
//!
//! Owns: nothing written by hand but this page; the words come from `proto/causeway/type/v1/reason.proto` at build time.
//! Always holds: a word that the contract does not list does not compile.

use std::fmt;

include!(concat!(env!("OUT_DIR"), "/reason.rs"));

impl Reason {
    /// The reason behind a word from the wire; `None` for one of a newer contract.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.word() == word)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl PartialEq<Reason> for str {
    fn eq(&self, reason: &Reason) -> bool {
        self == reason.word()
    }
}

impl PartialEq<Reason> for &str {
    fn eq(&self, reason: &Reason) -> bool {
        *self == reason.word()
    }
}

impl PartialEq<Reason> for String {
    fn eq(&self, reason: &Reason) -> bool {
        self == reason.word()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_for_one_reason() {
        for &reason in Reason::ALL {
            assert_eq!(Reason::of(reason.word()), Some(reason));
        }
        assert_eq!(Reason::of("NO_SUCH_REASON"), None);
        assert_eq!(Reason::EtagMismatch.to_string(), "ETAG_MISMATCH");
        assert!("ETAG_MISMATCH" == Reason::EtagMismatch);
    }
}
