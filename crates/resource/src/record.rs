//! What is written: versioned JSON, one record a kind.
//!
//! Owns: the trait of a record, its bytes, and the check of its golden files.
//! Always holds: a record says its version in `v`; every version ever written has a golden file that decodes for ever; a record that
//! breaks a rule of the domain is told as damage, never repaired in silence.
//! Absent on purpose: secrets, and what a record means.
//!
//! ## Design notes
//! A kind's record is an enum tagged with `v`, one variant a version, each a plain struct of its own: so a kind can have its second
//! version alone, and a renamed field of the domain cannot redefine the first. Old versions are read for ever and written never again:
//! an object gets its new version when it is next written. [`Record::FORMAT`] goes with every value to the store, which notes the highest
//! one and is opened by no program that reads less ([`store::RecordFormat`]).

use serde::{Serialize, de::DeserializeOwned};
use store::{FIRST_FORMAT, Reads, Value};

/// A record's form in the store, and its way from and to the domain.
pub trait Record: Serialize + DeserializeOwned {
    /// What it is in the domain.
    type Domain;
    /// The store's format that a reader of the newest version must know: [`FIRST_FORMAT`] is what the first release reads, and each new
    /// version of any record takes the next number of its service.
    const FORMAT: u32 = FIRST_FORMAT;

    /// The newest version of a value.
    fn of(domain: &Self::Domain) -> Self;

    /// The value, whatever the version.
    ///
    /// # Errors
    /// What was stored breaks a rule of the domain.
    fn into_domain(self) -> Result<Self::Domain, String>;
}

/// A record does not decode: written by a newer program, or damaged; or a value cannot be written.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a record does not decode: {0}")]
pub struct RecordError(pub String);

/// What a program reads whose records have these formats, for its store.
#[must_use]
pub fn reads(formats: &[u32], version: &str) -> Reads {
    let format = formats.iter().copied().fold(FIRST_FORMAT, u32::max);
    Reads { format, version: version.to_owned() }
}

/// The bytes of a value in the store.
///
/// # Errors
/// The value has no JSON form, which no record of ours has.
pub fn encode<R: Record>(domain: &R::Domain) -> Result<Value, RecordError> {
    let bytes =
        serde_json::to_vec(&R::of(domain)).map_err(|error| RecordError(error.to_string()))?;
    Ok(Value { bytes: bytes.into(), format: R::FORMAT })
}

/// The value behind bytes of the store, of any version.
///
/// # Errors
/// The bytes are no record of this kind, of a version that this program does not know, or break a rule.
pub fn decode<R: Record>(bytes: &[u8]) -> Result<R::Domain, RecordError> {
    let record =
        serde_json::from_slice::<R>(bytes).map_err(|error| RecordError(error.to_string()))?;
    record.into_domain().map_err(RecordError)
}

/// Checks a golden file: it decodes, and if it is of the newest version it is written again as it stands.
///
/// # Errors
/// A sentence that says what does not hold; for tests.
pub fn golden<R: Record>(stored: &[u8], newest: bool) -> Result<R::Domain, String> {
    let value = decode::<R>(stored).map_err(|error| error.to_string())?;
    let written = encode::<R>(&value).map_err(|error| error.to_string())?;
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes);
    let same = json(&written.bytes).ok() == json(stored).ok();
    match (newest, same) {
        (true, false) => Err("it is written otherwise now: it needs a new version".to_owned()),
        (false, true) => Err("an old version is still written".to_owned()),
        _ => Ok(value),
    }
}
