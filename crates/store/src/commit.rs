//! What a caller asks to be written: preconditions and writes that hold together or not at all.

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    key::{FIRST_RESERVED_TAG, Key, MAX_KEY_BYTES, Prefix},
    revision::Revision,
    value::{FIRST_FORMAT, Value},
};

/// Most writes, and separately most preconditions, of one commit. The replicated engine to come
/// (etcd) allows 128 of each by default; the rest is room for the store's own records.
pub const MAX_COMMIT_OPS: usize = 100;

/// Most bytes of keys and values of one commit: 1 MiB, below the 1.5 MiB request limit of the
/// replicated engine to come.
pub const MAX_COMMIT_BYTES: usize = 1024 * 1024;

/// Longest value: 64 KiB. Records here are configuration, not files; the embedded engine splits a
/// value into pieces well below its own blob size.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// Longest scope of an idempotency key, in bytes: a method's full name and a caller's.
pub const MAX_SCOPE_BYTES: usize = 512;

/// Something that must hold for a commit to take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// No object has this key.
    KeyAbsent(Key),
    /// The object's last change is exactly this revision.
    KeyAtRevision(Key, Revision),
    /// The object exists, whatever its revision.
    KeyPresent(Key),
    /// No object has a key in this range.
    PrefixEmpty(Prefix),
}

/// One change of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Creates the object or replaces its value.
    Put(Key, Bytes),
    /// Removes the object; nothing happens if there is none.
    Delete(Key),
}

impl Write {
    /// The key that is written.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Write::Put(key, _) | Write::Delete(key) => key,
        }
    }
}

/// Names one request of one caller, so that sending it twice changes things once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Method and caller, so that nobody replays another's request. At most [`MAX_SCOPE_BYTES`].
    pub scope: String,
    /// The caller's own choice.
    pub request_id: Uuid,
    /// A hash of the request, without the request id: the same id with another request is refused.
    pub fingerprint: [u8; 32],
}

/// What is remembered about a request when its commit succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Idempotency {
    pub(crate) key: IdempotencyKey,
    pub(crate) response: Bytes,
}

/// A set of preconditions and writes, applied together or not at all.
///
/// Preconditions are checked in the order in which they were added, against the state right
/// before the writes; the first that fails is reported.
#[derive(Clone, Debug)]
pub struct Commit {
    pub(crate) now: Timestamp,
    pub(crate) preconditions: Vec<Precondition>,
    pub(crate) writes: Vec<Write>,
    /// The highest format among the values, the remembered response included.
    pub(crate) format: u32,
    pub(crate) idempotency: Option<Idempotency>,
}

impl Commit {
    /// An empty commit. `now` dates the idempotency record, if there is one.
    #[must_use]
    pub fn new(now: Timestamp) -> Commit {
        Commit {
            now,
            preconditions: Vec::new(),
            writes: Vec::new(),
            format: FIRST_FORMAT,
            idempotency: None,
        }
    }

    /// The commit takes place only if no object has this key.
    #[must_use]
    pub fn require_absent(self, key: &Key) -> Commit {
        self.require(Precondition::KeyAbsent(key.clone()))
    }

    /// The commit takes place only if the object last changed at exactly `revision`.
    #[must_use]
    pub fn require_revision(self, key: &Key, revision: Revision) -> Commit {
        self.require(Precondition::KeyAtRevision(key.clone(), revision))
    }

    /// The commit takes place only if the object exists.
    #[must_use]
    pub fn require_present(self, key: &Key) -> Commit {
        self.require(Precondition::KeyPresent(key.clone()))
    }

    /// The commit takes place only if no object has a key in this range.
    #[must_use]
    pub fn require_prefix_empty(self, prefix: &Prefix) -> Commit {
        self.require(Precondition::PrefixEmpty(prefix.clone()))
    }

    /// Adds a precondition.
    #[must_use]
    pub fn require(mut self, precondition: Precondition) -> Commit {
        self.preconditions.push(precondition);
        self
    }

    /// Creates the object or replaces its value (at most [`MAX_VALUE_BYTES`]).
    #[must_use]
    pub fn put(mut self, key: Key, value: impl Into<Value>) -> Commit {
        let Value { bytes, format } = value.into();
        self.format = self.format.max(format);
        self.writes.push(Write::Put(key, bytes));
        self
    }

    /// Removes the object; nothing happens if there is none.
    #[must_use]
    pub fn delete(mut self, key: Key) -> Commit {
        self.writes.push(Write::Delete(key));
        self
    }

    /// Remembers `response` under `key` in the same commit. If the same request was committed
    /// before, nothing is written and the remembered response comes back instead.
    #[must_use]
    pub fn idempotent(mut self, key: IdempotencyKey, response: impl Into<Value>) -> Commit {
        let Value { bytes, format } = response.into();
        self.format = self.format.max(format);
        self.idempotency = Some(Idempotency { key, response: bytes });
        self
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Checks the limits that hold on every engine, before anything is sent to one.
    pub(crate) fn check_limits(&self) -> Result<(), CommitError> {
        let ops = self.writes.len().max(self.preconditions.len());
        if ops > MAX_COMMIT_OPS {
            return Err(CommitError::TooManyOps { ops, max: MAX_COMMIT_OPS });
        }
        let mut total = 0;
        for precondition in &self.preconditions {
            total += check_precondition(precondition)?;
        }
        for write in &self.writes {
            total += check_write(write)?;
        }
        if let Some(Idempotency { key, response }) = &self.idempotency {
            TooLargePart::Scope.check(key.scope.len(), MAX_SCOPE_BYTES)?;
            TooLargePart::Value.check(response.len(), MAX_VALUE_BYTES)?;
            total += key.scope.len() + response.len();
        }
        TooLargePart::Commit.check(total, MAX_COMMIT_BYTES)?;
        self.check_keys_differ()
    }

    fn check_keys_differ(&self) -> Result<(), CommitError> {
        let mut keys: Vec<&Key> = self.writes.iter().map(Write::key).collect();
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(CommitError::DuplicateKey { key: pair[0].clone() }),
            None => Ok(()),
        }
    }
}

fn check_precondition(precondition: &Precondition) -> Result<usize, CommitError> {
    let bytes = match precondition {
        Precondition::KeyAbsent(key)
        | Precondition::KeyAtRevision(key, _)
        | Precondition::KeyPresent(key) => key.as_bytes().len(),
        Precondition::PrefixEmpty(prefix) => prefix.as_bytes().len(),
    };
    TooLargePart::Key.check(bytes, MAX_KEY_BYTES)?;
    Ok(bytes)
}

fn check_write(write: &Write) -> Result<usize, CommitError> {
    let key = write.key();
    if key.as_bytes().is_empty() || key.tag() >= FIRST_RESERVED_TAG {
        return Err(CommitError::ReservedKey { key: key.clone() });
    }
    let key_bytes = key.as_bytes().len();
    TooLargePart::Key.check(key_bytes, MAX_KEY_BYTES)?;
    let value_bytes = match write {
        Write::Put(_, value) => value.len(),
        Write::Delete(_) => 0,
    };
    TooLargePart::Value.check(value_bytes, MAX_VALUE_BYTES)?;
    Ok(key_bytes + value_bytes)
}

/// What a commit came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The revision of this commit. Of a replay: the revision of the first success. Of a commit
    /// without writes: the latest revision.
    pub revision: Revision,
    /// The remembered response, if the same request had been committed before; then nothing was
    /// written this time.
    pub replay: Option<Bytes>,
}

/// Why a precondition did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// `KeyAbsent`: the object exists and last changed at `revision`.
    KeyExists {
        /// The object's revision.
        revision: Revision,
    },
    /// `KeyPresent` or `KeyAtRevision`: there is no such object.
    KeyMissing,
    /// `KeyAtRevision`: the object last changed at another revision.
    RevisionMismatch {
        /// The object's revision.
        current: Revision,
    },
    /// `PrefixEmpty`: at least this object is there.
    PrefixNotEmpty {
        /// The first key in the range.
        example: Key,
    },
}

/// Which part of a commit is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLargePart {
    /// One key, or one prefix.
    Key,
    /// One value, or the remembered response.
    Value,
    /// The scope of the idempotency key.
    Scope,
    /// All keys and values together.
    Commit,
}

impl TooLargePart {
    fn check(self, bytes: usize, max: usize) -> Result<(), CommitError> {
        if bytes > max {
            return Err(CommitError::TooLarge { part: self, bytes, max });
        }
        Ok(())
    }
}

/// Why a commit did not take place, or is not known to have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A precondition did not hold; nothing was written.
    #[error("precondition {index} does not hold: {failed:?}")]
    Precondition {
        /// Its place among the commit's preconditions, from 0.
        index: usize,
        /// The key that was looked at; the prefix's first key for `PrefixNotEmpty`.
        key: Key,
        /// What was found instead.
        failed: Failed,
    },
    /// More writes or more preconditions than one commit may have; nothing was written.
    #[error("a commit has {ops} writes or preconditions, and at most {max} are allowed")]
    TooManyOps {
        /// How many there were.
        ops: usize,
        /// [`MAX_COMMIT_OPS`].
        max: usize,
    },
    /// Something is larger than its limit; nothing was written.
    #[error("{part:?} has {bytes} bytes, and at most {max} are allowed")]
    TooLarge {
        /// What is too large.
        part: TooLargePart,
        /// Its size.
        bytes: usize,
        /// Its limit.
        max: usize,
    },
    /// Two writes have the same key; nothing was written.
    #[error("a commit writes {key:?} twice")]
    DuplicateKey {
        /// The key.
        key: Key,
    },
    /// The key is empty or its tag belongs to the store itself; nothing was written.
    #[error("{key:?} is reserved for the store")]
    ReservedKey {
        /// The key.
        key: Key,
    },
    /// A value has a format that this program does not read, so it would be refused its own store at its next start; nothing
    /// was written.
    #[error(
        "a value has format {needed}, and the store was opened by a program that reads up to {reads}"
    )]
    UnreadFormat {
        /// The value's format.
        needed: u32,
        /// What the program reads.
        reads: u32,
    },
    /// The request id was used before with another request; nothing was written.
    #[error("the request id was used before with a different request")]
    IdempotencyMismatch,
    /// The store does not take commits now; nothing was written.
    #[error("the store takes no commits: {0}")]
    Unavailable(String),
    /// The write failed on its way to the disk: after a restart it may or may not be there.
    /// Repeating it with the same idempotency key, or with preconditions, is safe.
    #[error("it is not known whether the commit took place: {0}")]
    OutcomeUnknown(String),
    /// The store was closed; nothing was written.
    #[error("the store is closed")]
    Closed,
}
