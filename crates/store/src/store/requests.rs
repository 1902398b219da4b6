//! Requests that are sent more than once, as the store answers them.

use bytes::Bytes;
use jiff::Timestamp;

use super::Store;
use crate::{
    commit::{CommitError, Committed, Idempotency, IdempotencyKey},
    engine::{Transaction, TransactionError},
    idempotency::{self, Found},
    read::{At, ReadError},
    revision::Revision,
};

/// How often a request is tried again when its record appeared or vanished in between; each time
/// somebody else made progress.
const MAX_RECORD_RACES: usize = 8;

/// Why it could not be said what a request was answered before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The request id was used before with another request.
    #[error("the request id was used before with a different request")]
    Mismatch,
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Store {
    pub(super) async fn commit_once(
        &self,
        transaction: Transaction,
        idempotency: &Idempotency,
        now: Timestamp,
    ) -> Result<Committed, CommitError> {
        let unreadable = |error: ReadError| CommitError::Unavailable(error.to_string());
        let request = idempotency::request_key(&idempotency.key);
        for _ in 0..MAX_RECORD_RACES {
            let row = self.get(&request, At::Published).await.map_err(unreadable)?;
            match idempotency::judge(&idempotency.key, row.as_ref(), now).map_err(unreadable)? {
                Found::New => {}
                Found::Mismatch => return Err(CommitError::IdempotencyMismatch),
                Found::Replay(response) => {
                    let revision = row.map_or_else(|| self.published(), |row| row.revision);
                    return Ok(Committed { revision, replay: Some(response) });
                }
            }
            let mut protected = transaction.clone();
            let life = self.inner.config.idempotency_life;
            idempotency::protect(&mut protected, idempotency, row.as_ref(), now, life)
                .map_err(unreadable)?;
            match self.inner.view.commit(protected).await {
                Ok(revision) => {
                    return Ok(Committed { revision, replay: None });
                }
                // The record is no longer as it was read: somebody sent the same request.
                Err(TransactionError::Precondition { index: 0, .. }) => {}
                Err(error) => return Err(error.into_commit_error(1)),
            }
        }
        Err(CommitError::Unavailable("too many callers repeat the same request".to_owned()))
    }

    /// What this request was answered before, if it was and is still remembered.
    ///
    /// # Errors
    /// The request id belongs to another request, or the store could not be read.
    pub async fn find_replay(&self, key: &IdempotencyKey) -> Result<Option<Bytes>, ReplayError> {
        Ok(self.find_committed(key).await?.and_then(|committed| committed.replay))
    }

    /// As [`Store::find_replay`], with the revision of the first success.
    ///
    /// # Errors
    /// As [`Store::find_replay`].
    pub async fn find_committed(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<Committed>, ReplayError> {
        let row = self.get(&idempotency::request_key(key), At::Published).await?;
        let revision = row.as_ref().map_or(Revision::ZERO, |row| row.revision);
        match idempotency::judge(key, row.as_ref(), (self.inner.now)())? {
            Found::New => Ok(None),
            Found::Replay(response) => Ok(Some(Committed { revision, replay: Some(response) })),
            Found::Mismatch => Err(ReplayError::Mismatch),
        }
    }
}
