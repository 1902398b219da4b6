//! A write as its caller wants it.
//!
//! Owns: how a write's request is read ([`Parsing`]), and doing a write once ([`once`]).
//! Always holds: a [`Write`] exists only where the request had no violation and the caller was authorised for the object that it
//! is about; a repeat with the same request id is answered as the first success was, also when the first finished only while the
//! repeat was being decided. Absent on purpose: the loop after a lost race (`tries`), and what is written.

use jiff::Timestamp;
use names::{BelowTenant, Violations};
use prost::Message;
use proto::shapes::Repeatable;
use rpc::{
    Failure, Refuse as _,
    access::{Authorised, Caller, Principal},
    request_id::RequestId,
};
use store::{Committed, Epoch, Etag, IdempotencyKey, Revision, Store};

use crate::Fault;

/// A request for a write that is being read: everything wrong with it is collected before anything is refused.
#[derive(Debug)]
pub struct Parsing {
    /// Who asks.
    pub caller: Caller,
    /// What is wrong so far.
    pub problems: Violations,
    now: Timestamp,
    request: Option<IdempotencyKey>,
    validate_only: bool,
    etag: Option<Etag>,
}

impl Parsing {
    /// Takes the request id out of a message, which is then what the id makes repeatable: for this method, caller and message only.
    /// The write counts as made `now`.
    pub fn of<M: Repeatable + Message>(caller: Caller, message: &mut M, now: Timestamp) -> Self {
        let mut problems = Violations::new();
        let text = message.take_request_id();
        let request = RequestId::parse(caller.method(), &caller, &text, message);
        let request = problems.take("request_id", request).flatten();
        let request = request.map(|RequestId { scope, id, fingerprint }| IdempotencyKey {
            scope,
            request_id: id,
            fingerprint,
        });
        let validate_only = message.validate_only();
        Self { caller, problems, now, request, validate_only, etag: None }
    }

    /// Reads the version that the caller read; empty: any. What is no etag at all is noted.
    pub fn etag(&mut self, field: &str, text: &str) {
        if !text.is_empty() {
            self.etag = self.problems.take(field, Etag::parse(text));
        }
    }

    /// Reads a name; a wrong one is noted.
    pub fn name<N>(&mut self, field: &str, text: &str) -> Option<N>
    where
        N: std::str::FromStr<Err: std::fmt::Display>,
    {
        if text.is_empty() {
            self.problems.missing(field, format!("`{field}` must be set"));
            return None;
        }
        self.problems.take(field, text.parse())
    }

    /// Ends the reading: the caller is authorised for the object, the request has no violation.
    ///
    /// # Errors
    /// The refusal of the caller, else everything that is wrong with the request.
    pub fn write<N: BelowTenant>(self, name: Option<N>) -> Result<(Authorised<N>, Write), Failure> {
        let name = name.map(|name| self.caller.authorise_name(name)).transpose()?;
        let name = self.problems.finish_with(|| name)?;
        let write = Write {
            by: name.principal(),
            now: self.now,
            request: self.request,
            validate_only: self.validate_only,
            etag: self.etag,
        };
        Ok((name, write))
    }

    /// As [`Parsing::write`], for an object that only the installation's administrators make.
    ///
    /// # Errors
    /// As [`Parsing::write`].
    pub fn write_system<N>(self, name: Option<N>) -> Result<(Authorised<N>, Write), Failure> {
        let everywhere = self.caller.authorise_system()?;
        let name = everywhere.over(self.problems.finish_with(|| name)?);
        let write = Write {
            by: name.principal(),
            now: self.now,
            request: self.request,
            validate_only: self.validate_only,
            etag: self.etag,
        };
        Ok((name, write))
    }
}

/// How a caller wants a write done.
#[derive(Clone, Debug)]
pub struct Write {
    /// Who writes.
    pub by: Principal,
    /// When: the object's own time may be a little later, so that the times of its writes rise.
    pub now: Timestamp,
    /// Makes the call repeatable.
    pub request: Option<IdempotencyKey>,
    /// Check, do not write.
    pub validate_only: bool,
    /// The version that the caller read; `None`: whatever there is.
    pub etag: Option<Etag>,
}

impl Write {
    /// A write of the service itself: never a repeat, always meant.
    #[must_use]
    pub fn own(by: Principal, now: Timestamp) -> Self {
        Self { by, now, request: None, validate_only: false, etag: None }
    }

    /// The caller must have read the current version, if it says which. One of another epoch is stale, whatever it says.
    ///
    /// # Errors
    /// [`Fault::EtagMismatch`].
    pub fn expect(
        &self,
        epoch: Epoch,
        revision: Revision,
        name: &impl ToString,
    ) -> Result<(), Fault> {
        let current = Etag::new(epoch, revision);
        if self.etag.is_none_or(|sent| sent == current) {
            return Ok(());
        }
        Err(Fault::EtagMismatch { name: name.to_string(), current })
    }
}

/// What a request was answered before, if this is a repeat: the bytes that were remembered, and the revision.
///
/// # Errors
/// The store could not be read, or the request id belongs to another request.
pub async fn replay(
    store: &Store,
    request: Option<&IdempotencyKey>,
) -> Result<Option<(bytes::Bytes, Revision)>, Fault> {
    let Some(request) = request else { return Ok(None) };
    Ok(match store.find_committed(request).await? {
        Some(Committed { revision, replay: Some(answer) }) => Some((answer, revision)),
        _ => None,
    })
}

/// How a write that is done once came to its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ran<T> {
    /// It was done now.
    Now(T),
    /// It was done before: what was remembered of it, and the revision that it had.
    Before(bytes::Bytes, Revision),
}

/// Does a write once.
///
/// A refusal of the work may be the first run's own doing (the id is taken, the etag stale), if that finished meanwhile; then the
/// first run's answer counts.
///
/// # Errors
/// Those of the work, and of looking for the first run.
pub async fn once<T, E: From<Fault>>(
    store: &Store,
    write: &Write,
    work: impl Future<Output = Result<T, E>>,
) -> Result<Ran<T>, E> {
    let request = write.request.as_ref();
    if let Some((answer, revision)) = replay(store, request).await? {
        return Ok(Ran::Before(answer, revision));
    }
    match work.await {
        Err(error) => match replay(store, request).await.ok().flatten() {
            Some((answer, revision)) => Ok(Ran::Before(answer, revision)),
            None => Err(error),
        },
        Ok(done) => Ok(Ran::Now(done)),
    }
}
