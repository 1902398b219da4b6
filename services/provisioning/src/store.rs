//! The store in the words of the domain.
//!
//! Owns: which rows a fact is made of, and which preconditions make it safe to write. Always holds: a fact and its
//! indexes change in one commit; a use is counted in the commit of the enrolment that spends it; a verb that lost a
//! race writes nothing and says so ([`Lost`]).
//! Absent on purpose: rules. What may be written is decided in `domain/`; here it is only made atomic.
//!
//! Read in this order: `keys` (where), `records` (what), then a file per noun.

mod authorities;
mod enrolments;
mod followed;
#[cfg(test)]
mod fuzz;
mod keys;
mod pages;
mod provisioning_keys;
mod records;
mod revocations;
mod watch;

use ::store::{At, CommitError, Epoch, Key, ReadError, ReplayError, Revision, Row, Store};

pub(crate) use authorities::NewAuthority;
pub(crate) use enrolments::{MAX_NEWCOMERS, MAX_RETURNED, Reservation};
pub(crate) use pages::{Page, PageOf};
pub(crate) use provisioning_keys::{CreateKey, FirstRun, KeyConflict, KeyFilter, KeyRow, NewKey};
pub(crate) use records::AuthorityPem;
pub(crate) use watch::{Kind, Seen, Steps, WatchEnd, WatchStep, Watched};

/// A value and the revision of its last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Versioned<T> {
    pub(crate) value: T,
    pub(crate) revision: Revision,
}

/// Someone else was faster: nothing was written; read again and decide anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

/// Why the store could not serve.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// It could not be read, or the revision asked for is gone.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A record does not decode or breaks a rule.
    #[error("the record at {key:?} is damaged: {problem}")]
    Damaged {
        /// Where it lies.
        key: Key,
        /// What is wrong.
        problem: String,
    },
    /// A request id could not be looked up, or was used before with another request.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// Everything provisioning keeps. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    store: Store,
}

impl Records {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.store.epoch()
    }

    /// The newest revision that can be read.
    pub(crate) fn published(&self) -> Revision {
        self.store.published()
    }

    /// The store itself, for what concerns all of it.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    async fn read<R: records::Record>(
        &self,
        key: &Key,
        at: At,
    ) -> Result<Option<Versioned<R::Domain>>, StoreError> {
        match self.store.get(key, at).await? {
            Some(row) => Ok(Some(decode::<R>(&row)?)),
            None => Ok(None),
        }
    }

    /// The value an index row points to, as text.
    async fn follow(&self, key: &Key) -> Result<Option<String>, StoreError> {
        let pointer = self.read::<records::StoredPointer>(key, At::Published).await?;
        Ok(pointer.map(|pointer| pointer.value))
    }
}

fn decode<R: records::Record>(row: &Row) -> Result<Versioned<R::Domain>, StoreError> {
    let value = decode_value::<R>(&row.key, &row.value)?;
    Ok(Versioned { value, revision: row.revision })
}

fn decode_value<R: records::Record>(key: &Key, value: &[u8]) -> Result<R::Domain, StoreError> {
    records::decode::<R>(value).map_err(|problem| StoreError::Damaged { key: key.clone(), problem })
}

/// A name that the store itself wrote.
fn parse_name<N>(key: &Key, text: &str) -> Result<N, StoreError>
where
    N: std::str::FromStr,
    N::Err: std::fmt::Display,
{
    text.parse().map_err(|error: N::Err| StoreError::Damaged {
        key: key.clone(),
        problem: error.to_string(),
    })
}

/// `Ok(Err(Lost))` when a precondition did not hold.
fn lost<T>(result: Result<T, CommitError>) -> Result<Result<T, Lost>, StoreError> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(CommitError::Precondition { .. }) => Ok(Err(Lost)),
        Err(error) => Err(error.into()),
    }
}
