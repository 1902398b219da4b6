//! What is written: JSON with a version, one golden file for each record and version.
//!
//! ## Design notes
//! Version 1 of an object is the domain's own shape (`Resource<S>`), so there is no second set of
//! structs to keep alike. The price: a change of a domain type that changes its JSON needs a new version here,
//! with the old shape copied in as `V1` and converted. `golden/` holds the bytes of every version for ever, and the
//! test below fails when one no longer decodes or the newest no longer encodes to the same bytes.

use names::AppConnectorName;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::domain::{Resource, Spec};

#[derive(Serialize)]
#[serde(tag = "v", bound = "")]
enum StoredObjectRef<'a, S: Spec> {
    #[serde(rename = "1")]
    V1(&'a Resource<S>),
}

#[derive(Deserialize)]
#[serde(tag = "v", bound = "")]
enum StoredObject<S: Spec> {
    #[serde(rename = "1")]
    V1(Resource<S>),
}

/// What became of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "outcome")]
pub(crate) enum Registration {
    /// It made this connector.
    Registered {
        /// The connector.
        app_connector: AppConnectorName,
    },
    /// It was given up; a late registration is refused.
    Abandoned,
}

/// Who brought a public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyOwner {
    /// The connector.
    pub(crate) app_connector: AppConnectorName,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum Versioned<T> {
    #[serde(rename = "1")]
    V1(T),
}

/// A record does not decode: written by a newer program, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("a record does not decode: {0}")]
pub struct RecordError(#[from] serde_json::Error);

/// An object as it is written.
pub(crate) fn encode<S: Spec>(resource: &Resource<S>) -> Result<Vec<u8>, RecordError> {
    Ok(serde_json::to_vec(&StoredObjectRef::V1(resource))?)
}

/// An object from any version.
pub(crate) fn decode<S: Spec>(bytes: &[u8]) -> Result<Resource<S>, RecordError> {
    let StoredObject::V1(resource) = serde_json::from_slice(bytes)?;
    Ok(resource)
}

/// A small record as it is written.
pub(crate) fn encode_small<T: Serialize>(record: T) -> Result<Vec<u8>, RecordError> {
    Ok(serde_json::to_vec(&Versioned::V1(record))?)
}

/// A small record from any version.
pub(crate) fn decode_small<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RecordError> {
    let Versioned::V1(record) = serde_json::from_slice(bytes)?;
    Ok(record)
}

#[cfg(test)]
#[path = "golden_tests.rs"]
mod tests;
