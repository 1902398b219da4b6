//! Remembering requests, so that a repeated one changes things once.
//!
//! Owns two rows for each remembered request: its record, and a place that sorts by expiry. Both are
//! written in the same commit as what they protect, so one is never there without the other.
//! What always holds: within its life a request id with the same request is answered with the
//! first success; with another request it is refused. A failed request is not remembered.
//!
//! ## Design notes
//! The record is an ordinary row behind an ordinary precondition (its key is absent), so no engine
//! knows of idempotency, and two replicas that race for one request id are told apart by the
//! engine's own commit order.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    commit::{Idempotency, IdempotencyKey, Precondition, Write},
    engine::Transaction,
    key::{Key, Prefix},
    read::{ReadError, Row},
    reserved::{TAG_EXPIRY, TAG_REQUEST},
};

/// A remembered request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stored {
    V1 { fingerprint: [u8; 32], expires: Timestamp, response: Vec<u8> },
}

/// The key of a request's record.
pub(crate) fn request_key(key: &IdempotencyKey) -> Key {
    Key::builder(TAG_REQUEST).text(&key.scope).bytes(key.request_id.as_bytes()).finish()
}

/// The range of all places in the order of expiry.
pub(crate) fn expiry_prefix() -> Prefix {
    Key::builder(TAG_EXPIRY).prefix()
}

fn expiry_key(expires: Timestamp, request: &Key) -> Key {
    Key::builder(TAG_EXPIRY).timestamp(expires).bytes(request.as_bytes()).finish()
}

/// The time and the request of a place in the order of expiry.
pub(crate) fn read_expiry(key: &Key) -> Result<(Timestamp, Key), ReadError> {
    let mut parts = key.parts();
    let read = parts.timestamp().and_then(|time| Ok((time, Key::from_bytes(parts.bytes()?))));
    read.map_err(|error| ReadError::Corrupt(format!("{key:?}: {error}")))
}

/// What was found under a request's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Never seen, or seen so long ago that it counts as new.
    New,
    /// Seen with the same request: this was the answer.
    Replay(Bytes),
    /// Seen with another request.
    Mismatch,
}

/// Judges the row under a request's key.
pub(crate) fn judge(
    key: &IdempotencyKey,
    row: Option<&Row>,
    now: Timestamp,
) -> Result<Found, ReadError> {
    let Some(row) = row else {
        return Ok(Found::New);
    };
    let Stored::V1 { fingerprint, expires, response } = read_record(row)?;
    Ok(if expires <= now {
        Found::New
    } else if fingerprint == key.fingerprint {
        Found::Replay(response.into())
    } else {
        Found::Mismatch
    })
}

fn read_record(row: &Row) -> Result<Stored, ReadError> {
    postcard::from_bytes(&row.value)
        .map_err(|error| ReadError::Corrupt(format!("the record of a request: {error}")))
}

/// Puts the record's guard before the transaction's preconditions and the record behind its
/// writes. `stale` is an expired record that is still in the way.
pub(crate) fn protect(
    transaction: &mut Transaction,
    idempotency: &Idempotency,
    stale: Option<&Row>,
    now: Timestamp,
    life: Duration,
) -> Result<(), ReadError> {
    let request = request_key(&idempotency.key);
    let guard = match stale {
        None => Precondition::KeyAbsent(request.clone()),
        Some(row) => {
            let Stored::V1 { expires, .. } = read_record(row)?;
            let old_place = expiry_key(expires, &request);
            transaction.writes.push(Write::Delete(old_place));
            Precondition::KeyAtRevision(request.clone(), row.revision)
        }
    };
    transaction.preconditions.insert(0, guard);
    let expires = now.checked_add(life).unwrap_or(Timestamp::MAX);
    let record = Stored::V1 {
        fingerprint: idempotency.key.fingerprint,
        expires,
        response: idempotency.response.to_vec(),
    };
    let record = postcard::to_stdvec(&record)
        .map_err(|error| ReadError::Unavailable(format!("cannot record a request: {error}")))?;
    let place = expiry_key(expires, &request);
    // Renewing within the same instant would write the same place twice.
    transaction.writes.retain(|write| *write.key() != place);
    transaction.writes.push(Write::Put(request, record.into()));
    transaction.writes.push(Write::Put(place, Bytes::new()));
    Ok(())
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use crate::revision::Revision;

    #[test]
    fn any_bytes_are_a_remembered_request_or_damage() {
        let stored = Stored::V1 {
            fingerprint: [9; 32],
            expires: Timestamp::MAX,
            response: b"answer".to_vec(),
        };
        let request = IdempotencyKey {
            scope: "Create ops".to_owned(),
            request_id: uuid::Uuid::from_u128(7),
            fingerprint: [9; 32],
        };
        let words = ["9999-12-30T22:00:00.999999999Z", "-009999-01-02T01:59:59Z"];
        let target = trial::target!("requests").words(&words);
        target.with(postcard::to_stdvec(&stored).unwrap()).run(|input| {
            let row = Row {
                key: request_key(&request),
                value: Bytes::copy_from_slice(input),
                revision: Revision::new(3),
                created: Revision::new(3),
            };
            let now = Timestamp::UNIX_EPOCH;
            let found = judge(&request, Some(&row), now);
            if let Ok(Found::Replay(answer)) = &found {
                let response = answer.to_vec();
                assert!(input.windows(32).any(|part| part == [9; 32]), "another request's answer");
                assert!(input.ends_with(&response) || response.len() < input.len());
            }
            let place = expiry_key(now, &Key::from_bytes(input.to_vec()));
            assert_eq!(read_expiry(&place), Ok((now, Key::from_bytes(input.to_vec()))));
            let _ = read_expiry(&Key::from_bytes(input.to_vec()));
            found
        });
    }
}
