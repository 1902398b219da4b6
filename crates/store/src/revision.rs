//! Revisions, epochs and etags.
//!
//! A revision numbers a commit of one store; an epoch names one life of a store. A revision means
//! something only within its epoch, which is why etags carry both.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The number of a commit. Rises strictly from commit to commit; gaps are allowed, and commits
/// may share one on other engines. Zero is the empty store before its first commit.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Revision(i64);

impl Revision {
    /// The empty store, before its first commit.
    pub const ZERO: Revision = Revision(0);

    /// A revision from its number; negative numbers name no commit.
    #[must_use]
    pub const fn new(number: i64) -> Revision {
        Revision(number)
    }

    /// The number, for tokens and logs.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The revision after this one.
    pub(crate) const fn next(self) -> Revision {
        Revision(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One life of a store: drawn at random when the store is created and when it is restored, so
/// that a restored store never passes for the one it was copied from.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Epoch([u8; 16]);

impl Epoch {
    /// Draws a new epoch from the system's randomness.
    #[must_use]
    pub fn random() -> Epoch {
        Epoch(uuid::Uuid::new_v4().into_bytes())
    }

    /// An epoch from its bytes (a token's field).
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Epoch {
        Epoch(bytes)
    }

    /// The bytes, for tokens.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({self})")
    }
}

/// The opaque version of an object on the wire: epoch and revision of its last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Etag {
    epoch: Epoch,
    revision: Revision,
}

/// The text is no etag that this software ever gave out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an etag of this service; send the etag of the object as you last read it, unchanged")]
pub struct EtagError;

const ETAG_BYTES: usize = 24;

impl Etag {
    /// The etag of an object that last changed at `revision`.
    #[must_use]
    pub const fn new(epoch: Epoch, revision: Revision) -> Etag {
        Etag { epoch, revision }
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// The text is not one that [`Etag`]'s `Display` gives.
    pub fn parse(text: &str) -> Result<Etag, EtagError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| EtagError)?;
        let bytes: [u8; ETAG_BYTES] = bytes.try_into().map_err(|_| EtagError)?;
        let (epoch, revision) = bytes.split_first_chunk::<16>().ok_or(EtagError)?;
        let revision: [u8; 8] = revision.try_into().map_err(|_| EtagError)?;
        let revision = Revision(i64::from_be_bytes(revision));
        Ok(Etag { epoch: Epoch(*epoch), revision })
    }

    /// The life of the store that this etag belongs to.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The revision of the object's last change, meaningful only within [`Etag::epoch`].
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; ETAG_BYTES];
        bytes[..16].copy_from_slice(&self.epoch.0);
        bytes[16..].copy_from_slice(&self.revision.0.to_be_bytes());
        write!(f, "{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Etag {
    type Err = EtagError;

    fn from_str(text: &str) -> Result<Etag, EtagError> {
        Etag::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_reads_back_and_anything_else_is_refused() {
        let etag = Etag::new(Epoch::from_bytes([7; 16]), Revision::new(42));
        assert_eq!(Etag::parse(&etag.to_string()), Ok(etag));
        for text in ["", "W/\"1\"", "AAAA", &format!("{etag}A"), &etag.to_string()[1..]] {
            assert_eq!(Etag::parse(text), Err(EtagError), "{text}");
        }
    }

    #[test]
    fn two_epochs_are_never_the_same() {
        assert_ne!(Epoch::random(), Epoch::random());
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;

    #[test]
    fn any_text_is_an_etag_in_its_one_spelling_or_refused() {
        let etag = Etag::new(Epoch::from_bytes([9; 16]), Revision::new(i64::MAX));
        trial::target!("etags").with(etag.to_string()).run_on_text(|text| {
            let parsed = Etag::parse(text);
            if let Ok(etag) = parsed {
                assert_eq!(etag.to_string(), text, "an etag has two spellings");
            }
            parsed
        });
    }
}
