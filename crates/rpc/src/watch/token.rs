//! What may be read from a resume token.
//!
//! ## Design notes
//! To its holder a token is opaque, but for one thing: whether two are of one life of a store, because a restored store
//! tells an older state, which must not be taken for news. So the two ends of a Watch, which are both ours, agree on the
//! first bytes: a token is base64url and begins with the epoch of the store, as the etag that it is (`store::Etag`).
//! What does not read so has no epoch, and then only the server can say that the epoch changed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Bytes of an epoch at the beginning of a token.
const EPOCH_BYTES: usize = 16;
/// Bytes of a token: the epoch and a revision.
const TOKEN_BYTES: usize = 24;

/// The epoch that a resume token is of, as `ServerInfo.epoch` writes it; `None` for an empty token or one of another form.
#[must_use]
pub fn epoch(resume_token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(resume_token).ok()?;
    (bytes.len() == TOKEN_BYTES).then(|| URL_SAFE_NO_PAD.encode(&bytes[..EPOCH_BYTES]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_one_store_have_its_epoch_and_other_texts_have_none() {
        let token = |epoch: u8, revision: u64| {
            let bytes = [[epoch; EPOCH_BYTES].as_slice(), &revision.to_be_bytes()].concat();
            URL_SAFE_NO_PAD.encode(bytes)
        };
        assert_eq!(epoch(&token(7, 1)), Some(URL_SAFE_NO_PAD.encode([7; EPOCH_BYTES])));
        assert_eq!(epoch(&token(7, 1)), epoch(&token(7, u64::MAX)));
        assert_ne!(epoch(&token(7, 1)), epoch(&token(8, 1)));
        for text in ["", "later", &token(7, 1)[1..], &format!("{}AAAA", token(7, 1))] {
            assert_eq!(epoch(text), None, "{text}");
        }
    }
}
