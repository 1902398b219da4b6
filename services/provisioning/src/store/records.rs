//! What lies in the store, as versioned JSON.
//!
//! Owns: the stored forms and their way from and to the domain. Always holds: a record says its version in `v`; every
//! version ever written has a file in `golden/` that decodes for ever; a record that breaks a rule of the domain is
//! told as damage, never repaired in silence.
//! Absent on purpose: secrets. A key's record holds the SHA-256 of its secret; the one exception, an authority's
//! private key, is a record of its own (see `authorities`).

mod enrolment;
mod key;
mod tenant;
mod trust;

use ::store::Reads;
use resource::{Record, record};
use serde::{Deserialize, Serialize};

pub(super) use enrolment::StoredEnrolment;
pub(crate) use key::{KeptKey, StoredPastKey};
pub(super) use key::{StoredKey, StoredUses};
pub(super) use tenant::StoredTenant;
pub(crate) use trust::AuthorityPem;
pub(super) use trust::{StoredAuthority, StoredAuthorityKey, StoredRevocation};

/// Which records this version reads: all of them are as the first release wrote them.
pub(crate) fn reads() -> Reads {
    record::reads(&[], env!("CARGO_PKG_VERSION"))
}

/// Bytes as lower-case hexadecimal text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hex(Vec<u8>);

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let pair = |at: usize| text.get(at..at + 2).and_then(|p| u8::from_str_radix(p, 16).ok());
        // Rust reads `+1` as a number of two digits.
        let is_plain = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bytes: Option<Vec<u8>> =
            if is_plain { (0..text.len()).step_by(2).map(pair).collect() } else { None };
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("not hexadecimal"))
    }
}

impl Hex {
    fn hash(self) -> Result<[u8; 32], String> {
        self.0.try_into().map_err(|_| "a SHA-256 has 32 bytes".to_owned())
    }
}

/// Versions of an index row: the name it points to.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(super) enum StoredPointer {
    #[serde(rename = "1")]
    V1 { name: String },
}

impl Record for StoredPointer {
    type Domain = String;

    fn of(name: &String) -> Self {
        Self::V1 { name: name.clone() }
    }

    fn into_domain(self) -> Result<String, String> {
        let Self::V1 { name } = self;
        Ok(name)
    }
}

/// Versions of a counter.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
pub(super) enum StoredCounter {
    #[serde(rename = "1")]
    V1 { count: u64 },
}

impl Record for StoredCounter {
    type Domain = u64;

    fn of(count: &u64) -> Self {
        Self::V1 { count: *count }
    }

    fn into_domain(self) -> Result<u64, String> {
        let Self::V1 { count } = self;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
