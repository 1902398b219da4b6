//! What can go wrong below a use case, and what a caller is told of it.
//!
//! Always holds: one event has one reason word in every service; what went wrong inside is kept as source, logged once at the edge
//! and never sent; a write whose outcome is not known is told so.
//! Absent on purpose: what a service refuses by its own rules.

use std::time::Duration;

use names::Reason;
use rpc::{Failure, Kind};
use store::{CommitError, Etag, ReadError, ReplayError, Revision};

use crate::RecordError;

/// How long a caller should wait after losing to others: a few commits' time.
const CONTENTION_PAUSE: Duration = Duration::from_millis(50);
/// How long a caller should wait for a store that takes no calls: a restart takes about this long.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Why the store's side of a use case failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// The store could not be read, or the revision asked for is gone.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// It could not be said what a request was answered before.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A record cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The caller read another version.
    #[error("the etag of `{name}` is stale")]
    EtagMismatch {
        /// The object.
        name: String,
        /// Its etag now.
        current: Etag,
    },
    /// Others kept writing what this write depends on.
    #[error("others kept writing what this write depends on")]
    Contended,
    /// A list's revision is gone.
    #[error("the list's revision {revision} is compacted")]
    ListCompacted {
        /// The revision that the list began on.
        revision: Revision,
        /// The oldest that can be read.
        oldest: Revision,
    },
    /// The order needs more rows sorted than is allowed.
    #[error("the list is too long for this order")]
    OrderTooLarge {
        /// How many rows may be sorted.
        limit: usize,
    },
    /// The time asked for lies before what is kept.
    #[error("history begins at {oldest}")]
    ReadTimeTooOld {
        /// The oldest time that can be read.
        oldest: jiff::Timestamp,
    },
    /// A promise of our own code does not hold.
    #[error("defect: {0}")]
    Defect(String),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match &fault {
            Fault::Read(error) => read(error).unwrap_or_else(|| unavailable().source(fault)),
            Fault::Replay(ReplayError::Read(error)) => {
                read(error).unwrap_or_else(|| unavailable().source(fault))
            }
            Fault::Replay(ReplayError::Mismatch) => request_id_reused(),
            Fault::Commit(_) => commit(fault),
            Fault::Record(_) => damaged().source(fault),
            Fault::EtagMismatch { name, current } => Self::new(
                Kind::Aborted,
                Reason::EtagMismatch,
                format!("`{name}` was changed since it was read; read it again, then repeat with its etag"),
            )
            .metadata("etag", current)
            .metadata("name", name),
            Fault::Contended => Self::new(
                Kind::Aborted,
                Reason::Contended,
                "others keep changing what this depends on; read again, then repeat",
            )
            .retry_after(CONTENTION_PAUSE),
            Fault::ListCompacted { revision, oldest } => {
                rpc::page::compacted(revision.get(), oldest.get())
            }
            Fault::OrderTooLarge { limit } => {
                let fix =
                    format!("sorts at most {limit} objects; order by name, or narrow the filter");
                Self::new(Kind::InvalidArgument, Reason::OrderTooLarge, format!("order_by {fix}"))
                    .violation("order_by", Reason::TooLarge, fix)
            }
            Fault::ReadTimeTooOld { oldest } => Self::new(
                Kind::OutOfRange,
                Reason::ReadTimeTooOld,
                format!("read_time lies before the history that is kept; ask for {oldest} or later"),
            )
            .metadata("oldest_read_time", oldest),
            Fault::Defect(_) => Self::defect(fault),
        }
    }
}

impl From<Fault> for tonic::Status {
    fn from(fault: Fault) -> Self {
        Failure::from(fault).into()
    }
}

/// What a caller can mend of a failed read; `None` for what only waiting mends.
fn read(error: &ReadError) -> Option<Failure> {
    match error {
        ReadError::Compacted { oldest } => Some(compacted(*oldest)),
        ReadError::Corrupt(_) => Some(damaged().source(error.clone())),
        ReadError::Future { .. } | ReadError::Unavailable(_) => None,
    }
}

/// What a stream or token is told whose history is no longer kept.
pub(crate) fn compacted(oldest: Revision) -> Failure {
    Failure::new(
        Kind::OutOfRange,
        Reason::RevisionCompacted,
        "the history that comes next is no longer kept; begin again without a token",
    )
    .metadata("oldest_revision", oldest)
}

fn commit(fault: Fault) -> Failure {
    let Fault::Commit(error) = &fault else { return Failure::defect(fault) };
    match error {
        CommitError::IdempotencyMismatch => request_id_reused(),
        CommitError::OutcomeUnknown(_) => Failure::new(
            Kind::Unavailable,
            Reason::OutcomeUnknown,
            "it is not known whether the write took place; repeat it with the same request_id, or read",
        )
        .retry_after(STORE_PAUSE)
        .source(fault),
        CommitError::Unavailable(_) | CommitError::Closed => unavailable().source(fault),
        CommitError::TooLarge { part, bytes, max } => Failure::new(
            Kind::ResourceExhausted,
            Reason::RecordTooLarge,
            format!("what would be written is too large: {bytes} bytes of at most {max} ({part:?}); make the object smaller"),
        )
        .quota("record", format!("at most {max} bytes")),
        CommitError::Precondition { .. }
        | CommitError::TooManyOps { .. }
        | CommitError::UnreadFormat { .. }
        | CommitError::DuplicateKey { .. }
        | CommitError::ReservedKey { .. } => Failure::defect(fault),
    }
}

fn request_id_reused() -> Failure {
    let fix = "was used for another request; send a new UUID";
    Failure::new(Kind::InvalidArgument, Reason::RequestIdReused, format!("request_id {fix}"))
        .violation("request_id", Reason::Reused, fix)
}

fn unavailable() -> Failure {
    let message = "the store takes no calls now; try again";
    Failure::new(Kind::Unavailable, Reason::StoreUnavailable, message).retry_after(STORE_PAUSE)
}

fn damaged() -> Failure {
    let message = "a record in the store cannot be read; restore a backup";
    Failure::new(Kind::DataLoss, Reason::StoreDamaged, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_its_one_word() {
        let epoch = store::Epoch::random();
        let oldest = Revision::new(7);
        for (fault, kind, reason) in [
            (
                CommitError::OutcomeUnknown("disk".into()).into(),
                Kind::Unavailable,
                Reason::OutcomeUnknown,
            ),
            (CommitError::Closed.into(), Kind::Unavailable, Reason::StoreUnavailable),
            (
                CommitError::IdempotencyMismatch.into(),
                Kind::InvalidArgument,
                Reason::RequestIdReused,
            ),
            (ReplayError::Mismatch.into(), Kind::InvalidArgument, Reason::RequestIdReused),
            (ReadError::Corrupt("x".into()).into(), Kind::DataLoss, Reason::StoreDamaged),
            (ReadError::Compacted { oldest }.into(), Kind::OutOfRange, Reason::RevisionCompacted),
            (Fault::Contended, Kind::Aborted, Reason::Contended),
            (
                Fault::EtagMismatch {
                    name: "tenants/acme".into(),
                    current: Etag::new(epoch, oldest),
                },
                Kind::Aborted,
                Reason::EtagMismatch,
            ),
            (CommitError::TooManyOps { ops: 101, max: 100 }.into(), Kind::Internal, Reason::Defect),
        ] {
            let failure = Failure::from(fault);
            assert_eq!((failure.kind(), failure.reason()), (kind, reason.word()), "{failure}");
        }
    }
}
