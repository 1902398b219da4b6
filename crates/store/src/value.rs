//! What is stored under a key, and who can read it.
//!
//! Absent on purpose: what the bytes mean, and who is refused for their format (`format`).

use bytes::Bytes;

/// The format of the first release: what plain bytes and text have, and a store in which nothing else was written.
pub const FIRST_FORMAT: u32 = 1;

/// The bytes of an object, and the format of records that a program must read to read them: [`FIRST_FORMAT`] for whatever
/// is made of plain bytes or text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// What is stored.
    pub bytes: Bytes,
    /// From [`FIRST_FORMAT`] up.
    pub format: u32,
}

macro_rules! plain {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Value {
            fn from(bytes: $kind) -> Value {
                Value { bytes: bytes.into(), format: FIRST_FORMAT }
            }
        })*
    };
}

impl From<Value> for Bytes {
    fn from(value: Value) -> Bytes {
        value.bytes
    }
}

plain!(Bytes, Vec<u8>, String, &'static str, &'static [u8]);
