//! Page tokens: where a list goes on, on which revision of which store, for which question.
//!
//! Owns: the size of a page, the seal of a token, and what a token that does not fit tells its caller.
//! Always holds: a token that opens was made by [`PageRequest::next_token`] for the same question, on the same epoch.
//! Absent on purpose: the meaning of `after`; the service that scans gives it and gets it back.
//!
//! ## Design notes
//! A token is `version, epoch, revision, fingerprint, after, HMAC-SHA-256`, as base64url. The epoch is read before the seal
//! is checked, so that a token from before a restore is told from a damaged one even if the key
//! changed with the store. A forged token could at worst name a key inside the scan that
//! its caller may list anyway; the seal is there so that nobody comes to depend on the inside.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{digest, hmac};

use names::Reason;

use crate::error::{Failure, Kind};

/// Objects on a page when the caller does not say (AIP-158).
pub const DEFAULT_PAGE_SIZE: usize = 50;
/// Most objects on a page; more is served as this. 1,000 objects of 1 KiB stay below the message limit.
pub const MAX_PAGE_SIZE: usize = 1000;
/// Longest token accepted, in bytes: a key has at most 768, so what is given out stays below 1,200.
pub const MAX_TOKEN_BYTES: usize = 2048;

const VERSION: u8 = 1;
const EPOCH_BYTES: usize = 16;
const FINGERPRINT_BYTES: usize = 16;
const REVISION_BYTES: usize = 8;
const HEAD_BYTES: usize = 1 + EPOCH_BYTES + REVISION_BYTES + FINGERPRINT_BYTES;
const SEAL_BYTES: usize = digest::SHA256_OUTPUT_LEN;

/// Seals and opens the tokens of one store.
#[derive(Clone, Debug)]
pub struct TokenKey {
    epoch: [u8; EPOCH_BYTES],
    key: hmac::Key,
}

impl TokenKey {
    /// A key for the store of this epoch. `secret` is any bytes that all replicas share (it may be empty).
    #[must_use]
    pub fn new(epoch: [u8; EPOCH_BYTES], secret: &[u8]) -> Self {
        let mut material = b"causeway page token 1".to_vec();
        material.extend_from_slice(&epoch);
        material.extend_from_slice(secret);
        Self { epoch, key: hmac::Key::new(hmac::HMAC_SHA256, &material) }
    }
}

/// What a list asks, apart from its page: a token opens only for the same question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryFingerprint([u8; FINGERPRINT_BYTES]);

impl QueryFingerprint {
    /// The fingerprint of a method and of everything that changes which objects come in which order: parent, filter,
    /// order_by, show_deleted.
    #[must_use]
    pub fn of(method: &str, parts: &[&str]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in std::iter::once(&method).chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut short = [0; FINGERPRINT_BYTES];
        short.copy_from_slice(&context.finish().as_ref()[..FINGERPRINT_BYTES]);
        Self(short)
    }
}

/// One page of one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// How many objects at most, 1 to [`MAX_PAGE_SIZE`].
    pub size: usize,
    /// Where the page before ended; `None` on the first page.
    pub after: Option<Vec<u8>>,
    /// The revision that the first page was read on; `None` on the first page.
    pub revision: Option<i64>,
    query: QueryFingerprint,
}

impl PageRequest {
    /// Reads `page_size` and `page_token` of a list request. 0 is [`DEFAULT_PAGE_SIZE`], more than
    /// [`MAX_PAGE_SIZE`] is served as that.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a negative size, a damaged token or one of another query; OUT_OF_RANGE `EPOCH_CHANGED`
    /// for one from before a restore. Each says what to do.
    pub fn parse(
        page_size: i32,
        page_token: &str,
        query: QueryFingerprint,
        keys: &TokenKey,
    ) -> Result<Self, Failure> {
        let size = match usize::try_from(page_size) {
            Err(_) => return Err(negative_size(page_size)),
            Ok(0) => DEFAULT_PAGE_SIZE,
            Ok(size) => size.min(MAX_PAGE_SIZE),
        };
        if page_token.is_empty() {
            return Ok(Self { size, after: None, revision: None, query });
        }
        let (revision, after) = open(page_token, query, keys)?;
        Ok(Self { size, after: Some(after), revision: Some(revision), query })
    }

    /// The token of the page that follows one read on `revision` and ended with `after`.
    #[must_use]
    pub fn next_token(&self, keys: &TokenKey, revision: i64, after: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + after.len() + SEAL_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&keys.epoch);
        bytes.extend_from_slice(&revision.to_be_bytes());
        bytes.extend_from_slice(&self.query.0);
        bytes.extend_from_slice(after);
        let seal = hmac::sign(&keys.key, &bytes);
        bytes.extend_from_slice(seal.as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// What a list answers when its revision is compacted away while it is being paged through.
#[must_use]
pub fn compacted(revision: i64, oldest: i64) -> Failure {
    Failure::new(
        Kind::OutOfRange,
        Reason::RevisionCompacted,
        "the list began on a revision that is no longer kept; send the request again without page_token",
    )
    .metadata("revision", revision)
    .metadata("oldest_revision", oldest)
}

fn open(token: &str, query: QueryFingerprint, keys: &TokenKey) -> Result<(i64, Vec<u8>), Failure> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(invalid());
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let sealed = bytes.len().checked_sub(SEAL_BYTES).ok_or_else(invalid)?;
    let (body, seal) = bytes.split_at(sealed);
    if body.len() < HEAD_BYTES || body[0] != VERSION {
        return Err(invalid());
    }
    let (head, after) = body.split_at(HEAD_BYTES);
    let (epoch, rest) = head[1..].split_at(EPOCH_BYTES);
    let (revision, fingerprint) = rest.split_at(REVISION_BYTES);
    if epoch != keys.epoch {
        return Err(foreign_epoch());
    }
    hmac::verify(&keys.key, body, seal).map_err(|_| invalid())?;
    if fingerprint != query.0 {
        return Err(other_query());
    }
    let revision = revision.try_into().map(i64::from_be_bytes).map_err(|_| invalid())?;
    Ok((revision, after.to_vec()))
}

fn negative_size(size: i32) -> Failure {
    let fix = format!("must be 0 to {MAX_PAGE_SIZE}; 0 means {DEFAULT_PAGE_SIZE}");
    Failure::new(
        Kind::InvalidArgument,
        Reason::FieldsInvalid,
        format!("page_size is {size}: it {fix}"),
    )
    .violation("page_size", Reason::OutOfRange, fix)
}

fn invalid() -> Failure {
    let fix =
        "send next_page_token exactly as the page before gave it, or leave it empty to begin again";
    Failure::new(
        Kind::InvalidArgument,
        Reason::PageTokenInvalid,
        format!("page_token is not valid: {fix}"),
    )
    .violation("page_token", Reason::PageTokenInvalid, fix)
}

fn other_query() -> Failure {
    let fix = "keep parent, filter, order_by and show_deleted as they were on the first page, or leave page_token empty to begin again";
    Failure::new(
        Kind::InvalidArgument,
        Reason::PageTokenOtherQuery,
        format!("page_token belongs to another query: {fix}"),
    )
    .violation("page_token", Reason::PageTokenOtherQuery, fix)
}

fn foreign_epoch() -> Failure {
    Failure::new(
        Kind::OutOfRange,
        Reason::EpochChanged,
        "page_token is from before the store was restored or made anew; leave page_token empty to begin again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TokenKey {
        TokenKey::new([7; 16], b"secret")
    }

    fn query() -> QueryFingerprint {
        QueryFingerprint::of("ListTenants", &["", "name"])
    }

    fn token() -> String {
        PageRequest::parse(10, "", query(), &key()).unwrap().next_token(&key(), 42, b"last")
    }

    fn refusal(token: &str, query: QueryFingerprint, key: &TokenKey) -> Failure {
        PageRequest::parse(0, token, query, key).unwrap_err()
    }

    #[test]
    fn a_token_goes_on_where_its_page_ended() {
        let page = PageRequest::parse(0, &token(), query(), &key()).unwrap();
        assert_eq!((page.size, page.revision), (DEFAULT_PAGE_SIZE, Some(42)));
        assert_eq!(page.after.as_deref(), Some(b"last".as_slice()));
    }

    #[test]
    fn a_token_of_another_query_epoch_or_hand_says_what_to_do() {
        let other = refusal(&token(), QueryFingerprint::of("ListTenants", &["", ""]), &key());
        assert_eq!(
            (other.kind(), other.reason()),
            (Kind::InvalidArgument, Reason::PageTokenOtherQuery.word())
        );
        let epoch = refusal(&token(), query(), &TokenKey::new([8; 16], b"secret"));
        assert_eq!((epoch.kind(), epoch.reason()), (Kind::OutOfRange, Reason::EpochChanged.word()));
        let forged = refusal(&token(), query(), &TokenKey::new([7; 16], b"other"));
        assert_eq!(
            (forged.kind(), forged.reason()),
            (Kind::InvalidArgument, Reason::PageTokenInvalid.word())
        );
        for failure in [other, epoch, forged] {
            assert!(failure.message().contains("begin again"), "{failure}");
        }
    }

    #[test]
    fn no_changed_byte_and_no_cut_of_a_token_opens() {
        let bytes = URL_SAFE_NO_PAD.decode(token()).unwrap();
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            assert!(open(&URL_SAFE_NO_PAD.encode(changed), query(), &key()).is_err());
            assert!(open(&URL_SAFE_NO_PAD.encode(&bytes[..position]), query(), &key()).is_err());
        }
        refusal("not base64!", query(), &key());
        refusal(&"A".repeat(MAX_TOKEN_BYTES + 1), query(), &key());
    }

    #[test]
    fn sizes_are_capped_and_negative_ones_refused() {
        let size = |size| PageRequest::parse(size, "", query(), &key());
        assert_eq!(size(5000).unwrap().size, MAX_PAGE_SIZE);
        assert_eq!(size(1).unwrap().size, 1);
        assert_eq!(size(-1).unwrap_err().violations()[0].field, "page_size");
    }

    #[test]
    fn parts_of_a_fingerprint_do_not_run_into_each_other() {
        assert_ne!(
            QueryFingerprint::of("m", &["ab", "c"]),
            QueryFingerprint::of("m", &["a", "bc"])
        );
    }
}

#[cfg(test)]
mod fuzz {
    use trial::fuzz::Verdict;

    use super::*;

    fn judge(text: &str) -> Verdict {
        let key = TokenKey::new([7; 16], b"secret");
        let query = QueryFingerprint::of("ListTenants", &["", "name"]);
        let parsed = PageRequest::parse(10, text, query, &key);
        match &parsed {
            Ok(page) if !text.is_empty() => {
                let (revision, after) = (page.revision.unwrap(), page.after.clone().unwrap());
                assert_eq!(page.next_token(&key, revision, &after), text, "it has two spellings");
                let other = PageRequest::parse(10, text, query, &TokenKey::new([7; 16], b"other"));
                assert_eq!(
                    other.unwrap_err().reason(),
                    Reason::PageTokenInvalid,
                    "any key opens it"
                );
                let question = QueryFingerprint::of("ListTenants", &["", ""]);
                let other = PageRequest::parse(10, text, question, &key);
                assert_eq!(other.unwrap_err().reason(), Reason::PageTokenOtherQuery);
            }
            Ok(_) => {}
            Err(failure) => assert!(failure.message().contains("begin again"), "{failure}"),
        }
        parsed.into()
    }

    #[test]
    fn any_text_is_a_page_token_that_was_given_out_or_refused() {
        let key = TokenKey::new([7; 16], b"secret");
        let query = QueryFingerprint::of("ListTenants", &["", "name"]);
        let first = PageRequest::parse(0, "", query, &key).unwrap();
        let target = trial::target!("page_tokens").with(first.next_token(&key, 42, b"last"));
        target.with(first.next_token(&key, i64::MIN, &[0; 1400])).run_on_text(|text| {
            let verdict = judge(text);
            let is_ours = text.is_empty() || verdict == Verdict::Taken;
            // Whoever has no key makes no token: only the two above open, and nothing at all.
            let given = [(42, &b"last"[..]), (i64::MIN, &[0; 1400])];
            let is_given = |(revision, after)| first.next_token(&key, revision, after) == text;
            assert_eq!(is_ours, text.is_empty() || given.into_iter().any(is_given));
            verdict
        });
    }

    #[test]
    fn any_bytes_behind_a_good_seal_are_a_place_or_refused() {
        let key = TokenKey::new([7; 16], b"secret");
        let query = QueryFingerprint::of("ListTenants", &["", "name"]);
        let whole = PageRequest::parse(0, "", query, &key).unwrap().next_token(&key, 42, b"last");
        let mut body = URL_SAFE_NO_PAD.decode(whole).unwrap();
        body.truncate(body.len() - SEAL_BYTES);
        trial::target!("page_token_bodies").with(body).run(|body| {
            let seal = hmac::sign(&key.key, body);
            judge(&URL_SAFE_NO_PAD.encode([body, seal.as_ref()].concat()))
        });
    }
}
