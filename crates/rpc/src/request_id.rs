//! Request ids: what makes a repeated write answer like the first.
//!
//! Owns: how an id is read, and what it is good for: one method, one caller, one request. Absent on purpose: what was
//! answered (a service keeps that with its data).

use prost::Message;
use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::access::Caller;

/// A write that its caller may send again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    /// Method and caller, so that nobody replays another's request.
    pub scope: String,
    /// The caller's own choice.
    pub id: Uuid,
    /// SHA-256 of the request without its id: the same id with another request is refused.
    pub fingerprint: [u8; 32],
}

/// The text is no request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID, for example 0190b4f2-7a3c-7def-8a21-3f5f0c9b6d11, or empty")]
pub struct RequestIdError;

impl RequestId {
    /// Reads the id of a request; `None` when it has none. `bare` is the request with its id emptied.
    ///
    /// # Errors
    /// The text is no UUID.
    pub fn parse(
        method: &str,
        caller: &Caller,
        text: &str,
        bare: &impl Message,
    ) -> Result<Option<Self>, RequestIdError> {
        if text.is_empty() {
            return Ok(None);
        }
        let id = Uuid::try_parse(text).map_err(|_| RequestIdError)?;
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, &bare.encode_to_vec()).as_ref());
        Ok(Some(Self { scope: format!("{method} {}", caller.audit_name()), id, fingerprint }))
    }
}
