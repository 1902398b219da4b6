//! The secret of a provisioning key: its text, its checksum, and what is kept of it.
//!
//! Owns: the form `cwk_<key uid>_<43 base62 characters>_<checksum>`.
//! Always holds: a text that was mistyped or cut is told apart from a wrong one without a look-up; only the
//! SHA-256 leaves this file for the store; neither `Debug` nor an error shows the secret.
//! Absent on purpose: slow password hashing. The secret has 256 random bits; there is nothing to guess, and a slow
//! hash would be a lever for whoever wants to keep this service busy.
//!
//! ## Design notes
//! 43 characters of base 62 hold 256.03 bits, so 32 bytes always fit. The checksum is the first 32 bits of the
//! SHA-256 of all that stands before it, in base 62: chance lets one in four thousand million slips through, and
//! that one is then `KEY_UNKNOWN`.

use std::fmt;

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// How every secret begins, so that secret scanners and people recognise one.
const PREFIX: &str = "cwk";
/// Characters that carry the 256 random bits.
const SECRET_CHARS: usize = 43;
/// Characters that carry the 32 bits of the checksum (62^6 > 2^32).
const CHECKSUM_CHARS: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Random bytes in a secret.
pub(crate) const SECRET_BYTES: usize = 32;

/// What is kept of a secret: its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SecretHash(pub(crate) [u8; 32]);

impl SecretHash {
    /// Compares in constant time.
    pub(crate) fn fits(&self, presented: &PresentedSecret) -> bool {
        self.0.ct_eq(&presented.hash.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// A secret as it was made: to be shown once and forgotten.
pub(crate) struct NewSecret {
    text: String,
    hash: SecretHash,
}

impl NewSecret {
    /// The secret of the key `key_uid` made of these random bytes.
    pub(crate) fn from_random(key_uid: Uuid, random: &[u8; SECRET_BYTES]) -> Self {
        let body = format!("{PREFIX}_{}_{}", key_uid.simple(), base62(random, SECRET_CHARS));
        let text = format!("{body}_{}", checksum(&body));
        Self { hash: hash_of(&body), text }
    }

    /// The text, for the caller who made the key and nobody else.
    pub(crate) fn reveal(&self) -> &str {
        &self.text
    }

    /// What to keep.
    pub(crate) fn hash(&self) -> SecretHash {
        self.hash
    }
}

impl fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewSecret(…)")
    }
}

/// A secret as somebody presents it: well formed, not yet known to be right.
#[derive(Debug)]
pub(crate) struct PresentedSecret {
    /// The key that it claims to belong to.
    pub(crate) key_uid: Uuid,
    hash: SecretHash,
}

/// The text is no secret of ours, or was cut or mistyped. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret is damaged: its form or checksum does not fit; copy all of `cwk_…` again from where the key was created"
)]
pub(crate) struct Malformed;

impl PresentedSecret {
    /// Takes a secret apart and checks its checksum.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let (body, sum) = text.trim().rsplit_once('_').ok_or(Malformed)?;
        let mut parts = body.split('_');
        let (Some(PREFIX), Some(uid), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Malformed);
        };
        let key_uid = Uuid::try_parse(uid).map_err(|_| Malformed)?;
        let plain = secret.len() == SECRET_CHARS && secret.bytes().all(|b| DIGITS.contains(&b));
        if !plain || key_uid.simple().to_string() != uid || checksum(body) != sum {
            return Err(Malformed);
        }
        Ok(Self { key_uid, hash: hash_of(body) })
    }
}

fn hash_of(body: &str) -> SecretHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, body.as_bytes()).as_ref());
    SecretHash(hash)
}

fn checksum(body: &str) -> String {
    let SecretHash(hash) = hash_of(&format!("checksum of {body}"));
    base62(&hash[..4], CHECKSUM_CHARS)
}

/// The bytes as one big-endian number in base 62, with leading zeros up to `width` characters.
fn base62(bytes: &[u8], width: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = vec![DIGITS[0]; width];
    for place in digits.iter_mut().rev() {
        let mut remainder = 0_usize;
        for byte in &mut number {
            let value = remainder * 256 + usize::from(*byte);
            // Below 256, because the remainder is below 62.
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        *place = DIGITS[remainder];
    }
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(byte: u8) -> NewSecret {
        NewSecret::from_random(Uuid::from_u128(7), &[byte; SECRET_BYTES])
    }

    #[test]
    fn a_secret_has_the_documented_form() {
        let text = secret(255).reveal().to_owned();
        let parts: Vec<&str> = text.split('_').collect();
        assert_eq!(parts.len(), 4);
        assert_eq!((parts[0], parts[1].len(), parts[2].len()), ("cwk", 32, 43));
    }

    #[test]
    fn base_62_counts_as_numbers_do() {
        for (bytes, text) in [(&[0_u8][..], "000"), (&[61], "00z"), (&[62], "010"), (&[255], "047")]
        {
            assert_eq!(base62(bytes, 3), text);
        }
        assert_eq!(base62(&[255; 4], 6), "4gfFC3");
    }

    #[test]
    fn only_the_right_secret_fits_its_hash() {
        let (mine, other) = (secret(1), secret(2));
        let presented = PresentedSecret::parse(mine.reveal()).unwrap();
        assert_eq!(presented.key_uid, Uuid::from_u128(7));
        assert!(mine.hash().fits(&presented));
        assert!(!other.hash().fits(&presented));
    }

    #[test]
    fn a_secret_with_any_character_changed_or_cut_is_malformed() {
        let text = secret(9).reveal().to_owned();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(PresentedSecret::parse(&changed).unwrap_err(), Malformed, "at {at}");
            assert_eq!(PresentedSecret::parse(&text[..at]).unwrap_err(), Malformed, "cut at {at}");
        }
    }

    #[test]
    fn nothing_printed_holds_the_secret() {
        let new = secret(3);
        let presented = PresentedSecret::parse(new.reveal()).unwrap();
        let printed = format!("{new:?} {presented:?} {:?} {Malformed}", new.hash());
        let random = new.reveal().split('_').nth(2).unwrap();
        assert!(!printed.contains(random));
        let hex: String = new.hash().0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!printed.contains(&hex));
    }

    proptest! {
        #[test]
        fn every_secret_comes_back_and_no_text_panics(
            random in any::<[u8; SECRET_BYTES]>(), uid in any::<u128>(), noise in ".{0,120}"
        ) {
            let new = NewSecret::from_random(Uuid::from_u128(uid), &random);
            let presented = PresentedSecret::parse(new.reveal()).unwrap();
            prop_assert!(new.hash().fits(&presented));
            let _ = PresentedSecret::parse(&noise);
        }
    }
}
