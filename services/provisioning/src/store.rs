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
mod history;
mod keys;
mod provisioning_keys;
mod records;
mod revocations;
mod tenants;
mod watch;

use ::store::{At, CommitError, Epoch, Key, Revision, Row, Store};
use resource::{Fault, Record, RecordError, record};

pub(crate) use authorities::{NewAuthority, authorities, authority_in};
pub(crate) use enrolments::{MAX_NEWCOMERS, MAX_RETURNED, Reservation};
pub(crate) use history::{Author, KEY_KIND, shelf};
pub(crate) use keys::{all_ledger, key_id, keys_of, keys_of_group, ledger_of_key};
pub(crate) use provisioning_keys::{
    ChangeKey, CreateKey, FirstRun, KeyConflict, KeyRow, MAX_COUNT_TRIES, NewKey,
};
pub(crate) use records::{AuthorityPem, reads};
pub(crate) use watch::{Kind, Watched, prefixes, seen, snapshot};

/// A value and the revision of its last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found<T> {
    pub(crate) value: T,
    pub(crate) revision: Revision,
}

/// Someone else was faster: nothing was written; read again and decide anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

/// Everything provisioning keeps. A cheap handle.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    store: Store,
}

impl Rows {
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

    async fn read<R: Record>(&self, key: &Key, at: At) -> Result<Option<Found<R::Domain>>, Fault> {
        self.store.get(key, at).await?.as_ref().map(decode::<R>).transpose()
    }

    /// The value an index row points to, as text.
    async fn follow(&self, key: &Key) -> Result<Option<String>, Fault> {
        let pointer = self.read::<records::StoredPointer>(key, At::Published).await?;
        Ok(pointer.map(|pointer| pointer.value))
    }
}

fn decode<R: Record>(row: &Row) -> Result<Found<R::Domain>, Fault> {
    let value = decode_value::<R>(&row.key, &row.value)?;
    Ok(Found { value, revision: row.revision })
}

fn decode_value<R: Record>(key: &Key, value: &[u8]) -> Result<R::Domain, Fault> {
    record::decode::<R>(value).map_err(|RecordError(problem)| damaged(key, problem))
}

/// What stands at a place is no record of ours.
fn damaged(key: &Key, problem: impl std::fmt::Display) -> Fault {
    RecordError(format!("what stands at {key:?} is damaged: {problem}")).into()
}

/// A name that the store itself wrote.
fn parse_name<N>(key: &Key, text: &str) -> Result<N, Fault>
where
    N: std::str::FromStr,
    N::Err: std::fmt::Display,
{
    text.parse().map_err(|error: N::Err| damaged(key, error))
}

/// `Ok(Err(Lost))` when a precondition did not hold.
fn lost<T>(result: Result<T, CommitError>) -> Result<Result<T, Lost>, Fault> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(CommitError::Precondition { .. }) => Ok(Err(Lost)),
        Err(error) => Err(error.into()),
    }
}
