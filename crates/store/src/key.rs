//! Keys: ordered bytes built from typed parts.
//!
//! Owns the encoding of keys and prefixes. What always holds: the order of two keys built from
//! the same kinds of parts is the order of the parts, and a prefix that ends after a text part
//! matches that exact text, never a longer one. A reader takes parts apart in the order in which
//! they were put in; the encoding carries no types, because the tag already says them.
//! Absent on purpose: any knowledge of what a tag means (each service's `store/keys.rs`).

use std::fmt;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;

/// Longest key, in bytes as built. Two resource names of four segments of 63 characters fit with
/// room to spare; 257 such keys, the most in one page of the embedded engine, stay below its limit
/// for pages even if every byte needs escaping.
pub const MAX_KEY_BYTES: usize = 768;

/// Tags from here on belong to the store itself (the module `reserved` lists them); a commit that writes one
/// is refused.
pub const FIRST_RESERVED_TAG: u8 = 0xF0;

/// A text part ends with these two bytes; a zero byte inside is written as `00 FF`, so the end
/// sorts before every longer text.
const TEXT_END: [u8; 2] = [0x00, 0x01];
const ESCAPED_ZERO: [u8; 2] = [0x00, 0xFF];

/// The key of one object: a tag and parts, in an order-preserving encoding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Bytes);

/// The beginning that a range of keys has in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(Bytes);

impl Key {
    /// Starts a key. Tags name a kind of record within one service and are never reused.
    #[must_use]
    pub fn builder(tag: u8) -> KeyBuilder {
        let mut bytes = BytesMut::with_capacity(64);
        bytes.extend_from_slice(&[tag]);
        KeyBuilder { bytes }
    }

    /// Takes the key apart, part by part.
    #[must_use]
    pub fn parts(&self) -> KeyReader<'_> {
        let (tag, rest) = self.0.split_first().map_or((0, &[][..]), |(tag, rest)| (*tag, rest));
        KeyReader { tag, rest }
    }

    /// The first byte, which says the kind of record.
    #[must_use]
    pub fn tag(&self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }

    /// The encoded bytes, for page tokens and the like.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A key from bytes that `as_bytes` gave earlier (a page token's position). Any bytes are
    /// accepted: a made-up key is only a place in the order.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Key {
        Key(bytes.into())
    }
}

impl Prefix {
    /// The prefix that every key has.
    #[must_use]
    pub fn everything() -> Prefix {
        Prefix(Bytes::new())
    }

    /// Whether the key lies in this range.
    #[must_use]
    pub fn matches(&self, key: &Key) -> bool {
        key.0.starts_with(&self.0)
    }

    /// Whether every key of `other` lies in this range too.
    #[must_use]
    pub fn covers(&self, other: &Prefix) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The encoded bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.escape_ascii())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix({})", self.0.escape_ascii())
    }
}

/// Puts parts behind a tag.
#[derive(Clone, Debug)]
pub struct KeyBuilder {
    bytes: BytesMut,
}

impl KeyBuilder {
    /// Appends text; sorts by its UTF-8 bytes.
    #[must_use]
    pub fn text(self, text: &str) -> KeyBuilder {
        self.bytes(text.as_bytes())
    }

    /// Appends bytes of any length; sorts as bytes do.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> KeyBuilder {
        escape_into(bytes, &mut self.bytes);
        self.bytes.extend_from_slice(&TEXT_END);
        self
    }

    /// Appends an unsigned number (8 bytes).
    #[must_use]
    pub fn u64(mut self, number: u64) -> KeyBuilder {
        self.bytes.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Appends a signed number (8 bytes); negative sorts first.
    #[must_use]
    pub fn i64(self, number: i64) -> KeyBuilder {
        self.u64(number.cast_unsigned() ^ (1 << 63))
    }

    /// Appends a point in time with nanoseconds (12 bytes); earlier sorts first.
    #[must_use]
    pub fn timestamp(self, time: Timestamp) -> KeyBuilder {
        let nanos = time.as_nanosecond();
        // Both fit: a Timestamp spans ±10^12 seconds, and a remainder by 10^9 is below 10^9.
        let seconds = nanos.div_euclid(NANOS_PER_SECOND) as i64;
        let rest = nanos.rem_euclid(NANOS_PER_SECOND) as u32;
        let mut builder = self.i64(seconds);
        builder.bytes.extend_from_slice(&rest.to_be_bytes());
        builder
    }

    /// The finished key.
    #[must_use]
    pub fn finish(self) -> Key {
        Key(self.bytes.freeze())
    }

    /// All keys that begin with the parts so far.
    #[must_use]
    pub fn prefix(self) -> Prefix {
        Prefix(self.bytes.freeze())
    }
}

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// A key did not have the part that was asked for. This is a damaged or foreign row, never bad
/// input from a caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key has no readable {part} at this place")]
pub struct KeyPartError {
    part: &'static str,
}

/// Reads parts in the order in which the builder wrote them.
#[derive(Clone, Debug)]
pub struct KeyReader<'a> {
    tag: u8,
    rest: &'a [u8],
}

impl KeyReader<'_> {
    /// The kind of record.
    #[must_use]
    pub fn tag(&self) -> u8 {
        self.tag
    }

    /// The next part as text.
    ///
    /// # Errors
    /// The part is missing, cut off or not UTF-8.
    pub fn text(&mut self) -> Result<String, KeyPartError> {
        String::from_utf8(self.take_escaped("text")?).map_err(|_| KeyPartError { part: "text" })
    }

    /// The next part as bytes.
    ///
    /// # Errors
    /// The part is missing or cut off.
    pub fn bytes(&mut self) -> Result<Vec<u8>, KeyPartError> {
        self.take_escaped("bytes")
    }

    /// The next part as an unsigned number.
    ///
    /// # Errors
    /// Fewer than eight bytes are left.
    pub fn u64(&mut self) -> Result<u64, KeyPartError> {
        self.take_fixed("u64").map(u64::from_be_bytes)
    }

    /// The next part as a signed number.
    ///
    /// # Errors
    /// Fewer than eight bytes are left.
    pub fn i64(&mut self) -> Result<i64, KeyPartError> {
        self.take_fixed("i64").map(|bytes| (u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed())
    }

    /// The next part as a point in time.
    ///
    /// # Errors
    /// Fewer than twelve bytes are left, or they are no time within the range of `Timestamp`.
    pub fn timestamp(&mut self) -> Result<Timestamp, KeyPartError> {
        let seconds = self.i64()?;
        let nanos = self.take_fixed("timestamp").map(u32::from_be_bytes)?;
        let total = i128::from(seconds) * NANOS_PER_SECOND + i128::from(nanos);
        Timestamp::from_nanosecond(total).map_err(|_| KeyPartError { part: "timestamp" })
    }

    /// Whether nothing is left to read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn take_fixed<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N], KeyPartError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(KeyPartError { part })?;
        self.rest = rest;
        Ok(*head)
    }

    fn take_escaped(&mut self, part: &'static str) -> Result<Vec<u8>, KeyPartError> {
        let mut out = Vec::new();
        loop {
            let (head, rest) = self.rest.split_first().ok_or(KeyPartError { part })?;
            self.rest = rest;
            if *head != 0 {
                out.push(*head);
                continue;
            }
            match self.take_fixed::<1>(part)? {
                [byte] if byte == TEXT_END[1] => return Ok(out),
                [byte] if byte == ESCAPED_ZERO[1] => out.push(0),
                _ => return Err(KeyPartError { part }),
            }
        }
    }
}

/// Appends `bytes` with every zero byte written as `00 FF`.
pub(crate) fn escape_into(bytes: &[u8], out: &mut impl bytes::BufMut) {
    for byte in bytes {
        if *byte == 0 {
            out.put_slice(&ESCAPED_ZERO);
        } else {
            out.put_u8(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64, nanos: i32) -> Timestamp {
        Timestamp::new(second, nanos).expect("in range")
    }

    #[test]
    fn parts_come_back_as_they_went_in() {
        let key = Key::builder(7)
            .text("a\0b")
            .u64(u64::MAX)
            .i64(-5)
            .timestamp(at(-3, -400))
            .bytes(&[0, 1, 255])
            .finish();
        let mut parts = key.parts();
        assert_eq!(parts.tag(), 7);
        assert_eq!(parts.text().as_deref(), Ok("a\0b"));
        assert_eq!(parts.u64(), Ok(u64::MAX));
        assert_eq!(parts.i64(), Ok(-5));
        assert_eq!(parts.timestamp(), Ok(at(-3, -400)));
        assert_eq!(parts.bytes(), Ok(vec![0, 1, 255]));
        assert!(parts.is_at_end());
    }

    #[test]
    fn keys_sort_as_their_parts_do() {
        let texts = ["", "\0", "\0a", "a", "a\0", "a\0\0", "a\u{1}", "aa", "b", "ä"];
        for pair in texts.windows(2) {
            let key = |text: &str| Key::builder(1).text(text).text("tail").finish();
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        let numbers = [i64::MIN, -256, -1, 0, 1, 255, 256, i64::MAX];
        for pair in numbers.windows(2) {
            let key = |number| Key::builder(1).i64(number).finish();
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        let times = [at(-2, 0), at(-1, -500), at(0, -1), at(0, 0), at(0, 1), at(1, 0)];
        for pair in times.windows(2) {
            let key = |time| Key::builder(1).timestamp(time).finish();
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn a_prefix_of_a_text_does_not_match_a_longer_text() {
        let prefix = Key::builder(1).text("group").prefix();
        assert!(prefix.matches(&Key::builder(1).text("group").text("x").finish()));
        assert!(!prefix.matches(&Key::builder(1).text("group-2").text("x").finish()));
        assert!(!prefix.matches(&Key::builder(2).text("group").finish()));
        assert!(Prefix::everything().covers(&prefix));
    }

    #[test]
    fn a_damaged_key_is_an_error_and_not_a_panic() {
        for bytes in [&b""[..], b"\x01", b"\x01abc", b"\x01a\0", b"\x01a\0\x07"] {
            assert!(Key::from_bytes(bytes.to_vec()).parts().text().is_err(), "{bytes:?}");
        }
        assert!(Key::from_bytes(vec![1, 2, 3]).parts().u64().is_err());
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;

    /// Reads all parts in one order of kinds, and builds the key again from what was read.
    fn read(key: &Key) -> Result<Key, KeyPartError> {
        let mut parts = key.parts();
        let built = Key::builder(parts.tag()).text(&parts.text()?);
        let built = built.u64(parts.u64()?).i64(parts.i64()?).timestamp(parts.timestamp()?);
        let built = built.bytes(&parts.bytes()?).finish();
        if parts.is_at_end() { Ok(built) } else { Err(KeyPartError { part: "end" }) }
    }

    #[test]
    fn any_bytes_are_a_key_that_was_built_or_have_no_such_parts() {
        let at = Timestamp::new(-3, -400).unwrap();
        let built = Key::builder(7).text("a").u64(1).i64(-5).timestamp(at).bytes(&[0]).finish();
        trial::target!("key_parts").with(built.as_bytes()).run(|input| {
            let key = Key::from_bytes(input.to_vec());
            let found = read(&key);
            if let Ok(again) = &found
                && again != &key
            {
                // Nanoseconds past a second are read as the next one; nothing writes that.
                assert_eq!(read(again).as_ref(), Ok(again));
            }
            found
        });
    }
}
