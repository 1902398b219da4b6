//! The join token: all that a host needs to enrol its connector safely, in one line of text.
//!
//! Owns: the text form. Always holds: `parse(token.reveal()) == token`; a token that was cut or mistyped is told apart
//! from a complete one; the secret is in no `Debug` output and in no error.
//! Absent on purpose: whether the key behind the secret exists, which only provisioning knows.
//!
//! ## Design notes
//! `cwj_` and base64url (no padding) of: one byte version, 4 bytes CRC-32 of all that follows, 32 bytes root pin, two
//! bytes length and text of the endpoint, text of the secret. Binary rather than JSON, so that the line stays short
//! enough for a terminal and for cloud-init user data. The checksum is against slips of the hand, not against
//! forgery: whoever changes a token only fools the host that uses it, and the host trusts its token anyway.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// How every join token begins, so that secret scanners and people recognise one.
pub const JOIN_TOKEN_PREFIX: &str = "cwj_";
/// Bytes of a root pin: one SHA-256.
pub const ROOT_PIN_LEN: usize = 32;
/// Longest join token text, in bytes: far above any real endpoint (253 bytes of host name) and secret.
pub const MAX_JOIN_TOKEN_LEN: usize = 2_048;

const VERSION: u8 = 1;
const HEAD_LEN: usize = 1 + 4;

/// Where to enrol, how to know the right server, and the secret that admits.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// Enrolment endpoint, `https://host:port`.
    pub endpoint: String,
    /// SHA-256 of the system root's SubjectPublicKeyInfo (DER). The server's chain must end in a certificate with
    /// this key, and sends that certificate along.
    pub root_pin: [u8; ROOT_PIN_LEN],
    /// The provisioning key's secret, `cwk_…`; opaque here.
    pub secret: String,
}

/// Why a text is not a join token. Never repeats the text: it holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinTokenError {
    /// The text is something else.
    #[error(
        "this is not a join token: it must begin with `cwj_` and be at most 2048 characters; copy the whole `join_token` of the reply that created or rotated the key"
    )]
    Form,
    /// The text begins like a token but was cut or mistyped.
    #[error(
        "the join token is damaged (its checksum does not fit): copy the whole `join_token` again, in one line"
    )]
    Damaged,
    /// A later version of the format.
    #[error("the join token is of version {0}, this program reads version 1: update the connector")]
    Version(u8),
    /// The endpoint inside is not one that a connector can dial.
    #[error(
        "the join token's endpoint is not `https://host:port`; correct provisioning's public enrolment address"
    )]
    Endpoint,
}

impl JoinToken {
    /// The token as text, secret included: show it once and to the caller only. (There is no `Display`, so that no
    /// log line shows it by chance.)
    #[must_use]
    pub fn reveal(&self) -> String {
        // Longer than MAX_JOIN_TOKEN_LEN: `parse` refuses the token by its length, whatever stands here.
        let endpoint_len = u16::try_from(self.endpoint.len()).unwrap_or(u16::MAX);
        let mut body =
            Vec::with_capacity(ROOT_PIN_LEN + 2 + self.endpoint.len() + self.secret.len());
        body.extend_from_slice(&self.root_pin);
        body.extend_from_slice(&endpoint_len.to_be_bytes());
        body.extend_from_slice(self.endpoint.as_bytes());
        body.extend_from_slice(self.secret.as_bytes());
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&crc32(&body).to_be_bytes());
        bytes.extend_from_slice(&body);
        format!("{JOIN_TOKEN_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The endpoint's host and port.
    ///
    /// # Errors
    /// [`JoinTokenError::Endpoint`] if it is not `https://host:port`.
    pub fn host_and_port(&self) -> Result<(&str, u16), JoinTokenError> {
        let authority = self.endpoint.strip_prefix("https://").ok_or(JoinTokenError::Endpoint)?;
        let (host, port) = authority.rsplit_once(':').ok_or(JoinTokenError::Endpoint)?;
        let port = port.parse().map_err(|_| JoinTokenError::Endpoint)?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let plain = !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
        plain.then_some((host, port)).ok_or(JoinTokenError::Endpoint)
    }
}

impl FromStr for JoinToken {
    type Err = JoinTokenError;

    fn from_str(text: &str) -> Result<Self, JoinTokenError> {
        let text = text.trim();
        let encoded = text.strip_prefix(JOIN_TOKEN_PREFIX).ok_or(JoinTokenError::Form)?;
        if text.len() > MAX_JOIN_TOKEN_LEN {
            return Err(JoinTokenError::Form);
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| JoinTokenError::Damaged)?;
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&later) => return Err(JoinTokenError::Version(later)),
            None => return Err(JoinTokenError::Damaged),
        }
        let (head, body) = bytes.split_at_checked(HEAD_LEN).ok_or(JoinTokenError::Damaged)?;
        if head.get(1..) != Some(crc32(body).to_be_bytes().as_slice()) {
            return Err(JoinTokenError::Damaged);
        }
        let token = decode_body(body).ok_or(JoinTokenError::Damaged)?;
        token.host_and_port()?;
        Ok(token)
    }
}

fn decode_body(body: &[u8]) -> Option<JoinToken> {
    let (pin, rest) = body.split_first_chunk::<ROOT_PIN_LEN>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (endpoint, secret) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some(JoinToken {
        endpoint: String::from_utf8(endpoint.to_vec()).ok()?,
        root_pin: *pin,
        secret: String::from_utf8(secret.to_vec()).ok()?,
    })
}

/// CRC-32 as in ISO 3309, bit by bit: tokens are short and rare.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 }
        })
    })
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> JoinToken {
        JoinToken {
            endpoint: "https://enrol.example:7444".into(),
            root_pin: [7; ROOT_PIN_LEN],
            secret: "cwk_abc_secret_sum".into(),
        }
    }

    #[test]
    fn a_token_survives_its_text_and_a_final_newline() {
        let text = token().reveal();
        assert!(text.starts_with("cwj_"));
        assert_eq!(text.parse::<JoinToken>().unwrap(), token());
        assert_eq!(format!("{text}\n").parse::<JoinToken>().unwrap(), token());
    }

    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_token_with_any_character_changed_or_cut_is_refused() {
        let text = token().reveal();
        for at in JOIN_TOKEN_PREFIX.len()..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(changed.parse::<JoinToken>().is_err(), "character {at} changed");
            assert!(text[..at].parse::<JoinToken>().is_err(), "cut at {at}");
        }
    }

    #[test]
    fn another_text_a_later_version_and_a_bad_endpoint_are_told_apart() {
        assert_eq!("cwk_abc".parse::<JoinToken>(), Err(JoinTokenError::Form));
        let later = format!("cwj_{}", BASE64_URL_SAFE_NO_PAD.encode([2, 0, 0, 0, 0]));
        assert_eq!(later.parse::<JoinToken>(), Err(JoinTokenError::Version(2)));
        for endpoint in ["http://a:1", "https://a", "https://:1", "https://a/b:1", "https://a:x"] {
            let bad = JoinToken { endpoint: endpoint.into(), ..token() };
            let parsed = bad.reveal().parse::<JoinToken>();
            assert_eq!(parsed, Err(JoinTokenError::Endpoint), "{endpoint}");
        }
    }

    #[test]
    fn a_literal_v6_endpoint_loses_its_brackets() {
        let token = JoinToken { endpoint: "https://[::1]:7444".into(), ..token() };
        assert_eq!(token.host_and_port().unwrap(), ("::1", 7444));
    }

    #[test]
    fn debug_output_and_errors_hide_the_secret() {
        assert!(!format!("{:?}", token()).contains("cwk_"));
        let error = "cwk_abc_secret".parse::<JoinToken>().unwrap_err();
        assert!(!error.to_string().contains("secret_sum"));
    }
}

#[cfg(test)]
mod fuzz {
    use trial::fuzz::Verdict;

    use super::*;

    /// A token is what it says and nothing else; a refusal repeats nothing of it.
    fn judge(text: &str) -> Verdict {
        let parsed = text.parse::<JoinToken>();
        match &parsed {
            Ok(token) => {
                assert_eq!(token.reveal(), text.trim(), "a token has two spellings");
                assert_eq!(&token.reveal().parse::<JoinToken>().unwrap(), token);
                let (host, _) = token.host_and_port().unwrap();
                assert!(!host.is_empty() && token.endpoint.len() < MAX_JOIN_TOKEN_LEN);
            }
            Err(error) => {
                let shown = error.to_string();
                assert!(shown.len() < 300, "{shown}");
                assert!(text.len() < 9 || !shown.contains(text), "the text is repeated: {shown}");
            }
        }
        parsed.into()
    }

    #[test]
    fn any_text_is_a_whole_token_or_told_apart_from_one() {
        let token = JoinToken {
            endpoint: "https://enrol.example:7444".into(),
            root_pin: [7; ROOT_PIN_LEN],
            secret: "cwk_abc_secret_sum".into(),
        };
        let later = BASE64_URL_SAFE_NO_PAD.encode([2, 0, 0, 0, 0]);
        let target = trial::target!("join_tokens").words(&["cwj_", "cwk_", "A", "=="]);
        target.with(token.reveal()).with(format!("cwj_{later}")).run_on_text(judge);
    }

    #[test]
    fn any_bytes_behind_a_good_checksum_are_a_token_or_refused() {
        let words = ["https://", ":7444", "[::1]", "@", "\0\x1a"];
        trial::target!("join_token_bodies").words(&words).run(|body| {
            let mut bytes = vec![VERSION];
            bytes.extend_from_slice(&crc32(body).to_be_bytes());
            bytes.extend_from_slice(body);
            judge(&format!("{JOIN_TOKEN_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
        });
    }
}
