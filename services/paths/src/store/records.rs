//! Records of the store, each with its version.
//!
//! ## Design notes
//! The copy of a sibling's object is the sibling's own message, byte for byte, behind one version byte:
//! the contract already promises that it can be read for ever, and a field that a later version of this
//! service begins to use is in the copy already, without a new snapshot. It is the one record that is not
//! JSON.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version byte of a copied message.
const MESSAGE_V1: u8 = 1;

/// A stored record cannot be read: written by a newer version, or damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of the store cannot be read: {0}")]
pub(crate) struct RecordError(pub(crate) String);

/// Packs the copy of a message.
#[must_use]
pub(crate) fn message(encoded: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(1 + encoded.len());
    bytes.push(MESSAGE_V1);
    bytes.extend_from_slice(encoded);
    bytes.into()
}

/// Unpacks the copy of a message.
///
/// # Errors
/// [`RecordError`] for an unknown version.
pub(crate) fn read_message(mut record: Bytes) -> Result<Bytes, RecordError> {
    if record.is_empty() {
        return Err(RecordError("a copy is empty".to_owned()));
    }
    let version = record.split_to(1);
    match version[0] {
        MESSAGE_V1 => Ok(record),
        other => Err(RecordError(format!("a copy has version {other}"))),
    }
}

/// How far a copy has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// From where to go on; empty while a new snapshot is being written.
    pub(crate) resume_token: String,
    /// When the owner last confirmed the copy.
    pub(crate) confirmed: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum StoredProgress {
    #[serde(rename = "1")]
    V1 { resume_token: String, confirmed: Option<Timestamp> },
}

impl Progress {
    /// Packs it.
    #[must_use]
    pub(crate) fn to_bytes(&self) -> Bytes {
        let Self { resume_token, confirmed } = self.clone();
        let stored = StoredProgress::V1 { resume_token, confirmed };
        // Two plain fields always serialise.
        serde_json::to_vec(&stored).unwrap_or_default().into()
    }

    /// Unpacks it.
    ///
    /// # Errors
    /// [`RecordError`] for an unknown version or damage.
    pub(crate) fn read(record: &[u8]) -> Result<Self, RecordError> {
        let stored = serde_json::from_slice(record).map_err(|e| RecordError(e.to_string()))?;
        let StoredProgress::V1 { resume_token, confirmed } = stored;
        Ok(Self { resume_token, confirmed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_of_every_record_is_still_read() {
        let progress = Progress::read(include_bytes!("golden/progress_v1.json")).unwrap();
        assert_eq!(progress.resume_token, "opaque");
        assert_eq!(progress.confirmed, Some("2026-11-23T12:00:00Z".parse().unwrap()));
        assert_eq!(Progress::read(&progress.to_bytes()).unwrap(), progress);

        let copy = Bytes::from_static(include_bytes!("golden/message_v1.bin"));
        assert_eq!(read_message(copy.clone()).unwrap(), "message");
        assert_eq!(message(b"message"), copy);
        assert!(read_message(Bytes::from_static(b"\x09x")).is_err());
        assert!(read_message(Bytes::new()).is_err());
    }
}
