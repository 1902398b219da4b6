//! What clients send back: the last choice, sealed.
//!
//! Always holds: a token that this installation did not make, or that anybody changed, opens to nothing.
//! It is no secret what it says; it must only not be made up, or a client could name its own connector.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;

use crate::domain::choice::hysteresis::Hold;

/// Longest token that is looked at, bytes: names of 63 bytes and a network of 256 that must be escaped need 3,000.
pub(crate) const MAX_TOKEN_BYTES: usize = 4_096;
/// Version byte.
const VERSION: u8 = 1;
/// Bytes of the seal.
const SEAL_BYTES: usize = 32;

/// Seals and opens.
#[derive(Clone, Debug)]
pub(crate) struct Sealer {
    key: hmac::Key,
    hash_key: [u8; 32],
}

impl Sealer {
    /// From the installation's secret, the same on every replica.
    #[must_use]
    pub(crate) fn new(secret: &[u8]) -> Self {
        let key = blake3::derive_key("causeway paths 2026 selection token", secret);
        let hash_key = blake3::derive_key("causeway paths 2026 spread of clients", secret);
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), hash_key }
    }

    /// Key of the hash that spreads clients.
    #[must_use]
    pub(crate) fn hash_key(&self) -> [u8; 32] {
        self.hash_key
    }

    /// Makes a token.
    #[must_use]
    pub(crate) fn seal(&self, hold: &Hold) -> String {
        let mut bytes = vec![VERSION];
        // Names, numbers and texts always serialise.
        bytes.extend(serde_json::to_vec(hold).unwrap_or_default());
        let seal = hmac::sign(&self.key, &bytes);
        bytes.extend_from_slice(seal.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token says; `None` if it is not ours.
    #[must_use]
    pub(crate) fn open(&self, token: &str) -> Option<Hold> {
        if token.is_empty() || token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (body, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL_BYTES)?)?;
        hmac::verify(&self.key, body, seal).ok()?;
        let (version, hold) = body.split_first()?;
        (*version == VERSION).then(|| serde_json::from_slice(hold).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold() -> Hold {
        Hold {
            segment: "tenants/acme/applicationSegments/wiki".parse().unwrap(),
            connector: "tenants/acme/appConnectors/paris-1".parse().unwrap(),
            since: 5,
            issued: 6,
            moves: vec![4],
            place: Some((1.5, -2.5)),
            network: "home".into(),
            provisional: true,
        }
    }

    #[test]
    fn a_token_opens_on_every_replica_with_the_secret_and_nowhere_else() {
        let token = Sealer::new(b"secret").seal(&hold());
        assert_eq!(Sealer::new(b"secret").open(&token), Some(hold()));
        assert_eq!(Sealer::new(b"other").open(&token), None);
        assert_eq!(Sealer::new(b"secret").open(""), None);
        assert_eq!(Sealer::new(b"secret").open("not ours"), None);
    }

    #[test]
    fn no_changed_or_cut_token_opens() {
        let sealer = Sealer::new(b"secret");
        let bytes = URL_SAFE_NO_PAD.decode(sealer.seal(&hold())).unwrap();
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            assert_eq!(sealer.open(&URL_SAFE_NO_PAD.encode(changed)), None);
            assert_eq!(sealer.open(&URL_SAFE_NO_PAD.encode(&bytes[..position])), None);
        }
    }

    #[test]
    fn the_longest_names_fit() {
        let id = "a".repeat(63);
        let long = Hold {
            segment: format!("tenants/{id}/applicationSegments/{id}").parse().unwrap(),
            connector: format!("tenants/{id}/appConnectors/{id}").parse().unwrap(),
            since: i64::MAX,
            issued: i64::MAX,
            moves: vec![i64::MAX; 5],
            place: Some((-89.123_456_789_012_34, -179.123_456_789_012_34)),
            network: "\u{1}".repeat(256),
            provisional: false,
        };
        let sealer = Sealer::new(b"secret");
        let token = sealer.seal(&long);
        assert_eq!(sealer.open(&token), Some(long), "{} bytes", token.len());
    }
}

#[cfg(test)]
mod fuzz {
    use trial::fuzz::Verdict;

    use super::*;
    use crate::{
        domain::{question::query::Query, testing::query},
        live::testing::{ask, noon, tenant},
    };

    fn hold() -> Hold {
        let now = noon().as_second();
        Hold {
            segment: "tenants/acme/applicationSegments/wiki".parse().unwrap(),
            connector: "tenants/acme/appConnectors/paris-2".parse().unwrap(),
            since: now - 60,
            issued: now - 5,
            moves: vec![now - 60],
            place: None,
            network: String::new(),
            provisional: false,
        }
    }

    fn question() -> Query {
        Query { client_key: "client".to_owned(), ..query("a.corp.example") }
    }

    #[test]
    fn a_caller_without_the_key_makes_no_token() {
        let sealer = Sealer::new(b"secret");
        let given = sealer.seal(&hold());
        trial::target!("selection_tokens").with(&*given).run_on_text(|text| {
            let opened = sealer.open(text);
            assert_eq!(opened.is_some(), text == given, "a token that was not given out opens");
            assert_eq!(Sealer::new(b"other").open(text), None);
            opened
        });
    }

    #[test]
    fn any_bytes_behind_a_good_seal_are_an_earlier_choice_or_nothing() {
        let (sealer, tenant) = (Sealer::new(b"secret"), tenant());
        let whole = [&[VERSION][..], &serde_json::to_vec(&hold()).unwrap()].concat();
        let words = ["-9223372036854775808", "9223372036854775807", "[91,181]", "null", "1e308"];
        let target = trial::target!("selection_token_bodies").words(&words).with(whole);
        target.run(|body| {
            let seal = hmac::sign(&sealer.key, body);
            let token = URL_SAFE_NO_PAD.encode([body, seal.as_ref()].concat());
            let Some(opened) = sealer.open(&token) else { return Verdict::from(None::<()>) };
            let path = ask(&tenant, &question(), Some(&opened)).outcome.expect("paris serves");
            assert_eq!(path.is_new, path.hold.connector != opened.connector);
            let again = sealer.seal(&path.hold);
            assert!(sealer.open(&again).is_some(), "{} bytes do not open again", again.len());
            Verdict::Taken
        });
    }
}
