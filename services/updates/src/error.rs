//! Every way in which updates refuses or fails, and its one conversion for the edge.

use std::time::Duration;

use names::{AppConnectorGroupName, Reason, VersionProfileName};
use rpc::error::{Failure, Kind};
use store::{CommitError, Etag, ReadError, ReplayError};

use crate::{domain::change::ProfileChangeError, store::StoreError};

/// When a caller may try again after a store or a sibling could not answer: a restart takes about this long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a call was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such group, or it is deleted.
    #[error("the app connector group does not exist")]
    GroupNotFound(AppConnectorGroupName),
    /// No such version profile.
    #[error("the version profile does not exist")]
    ProfileNotFound(VersionProfileName),
    /// A group's own profile and its flag do not go together.
    #[error(transparent)]
    Profile(#[from] ProfileChangeError),
    /// Somebody wrote in between.
    #[error(
        "it has changed since it was read: read it again, repeat the change, and send its etag"
    )]
    EtagMismatch {
        /// The etag that would be accepted now.
        current: Etag,
    },
    /// The group is not known here and its owner cannot be asked.
    #[error(
        "the app connector group is not known here yet and registry cannot be asked: try again"
    )]
    RegistryUnavailable(#[source] Box<Failure>),
    /// The request id was used for another request.
    #[error("request_id was used before for a different request: send a new UUID")]
    RequestIdReused,
    /// What shall be written does not fit into one record.
    #[error("what shall be written is too large: drop freezes that are over, or shorten reasons")]
    TooLarge(#[source] CommitError),
    /// It is unknown whether the write took place.
    #[error(
        "it is not known whether the write took place; repeat it with the same request_id, or read"
    )]
    OutcomeUnknown(#[source] CommitError),
    /// The store failed.
    #[error("the store cannot answer now")]
    Store(#[source] StoreError),
}

impl Error {
    /// The way of failing that its code follows from.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::GroupNotFound(_) | Self::ProfileNotFound(_) => Kind::NotFound,
            Self::Profile(_) => Kind::FailedPrecondition,
            Self::EtagMismatch { .. } => Kind::Aborted,
            Self::RegistryUnavailable(_) | Self::OutcomeUnknown(_) => Kind::Unavailable,
            Self::RequestIdReused => Kind::InvalidArgument,
            Self::TooLarge(_) => Kind::ResourceExhausted,
            Self::Store(error) => store_kind(error),
        }
    }

    /// The stable word for it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::GroupNotFound(_) | Self::ProfileNotFound(_) => Reason::ResourceNotFound,
            Self::Profile(ProfileChangeError::NotPersisted) => Reason::VersionProfileNotPersisted,
            Self::Profile(ProfileChangeError::Missing) => Reason::VersionProfileMissing,
            Self::EtagMismatch { .. } => Reason::EtagMismatch,
            Self::RegistryUnavailable(_) => Reason::RegistryUnavailable,
            Self::RequestIdReused => Reason::RequestIdReused,
            Self::TooLarge(_) => Reason::RecordTooLarge,
            Self::OutcomeUnknown(_) => Reason::OutcomeUnknown,
            Self::Store(error) if store_kind(error) == Kind::DataLoss => Reason::StoreDamaged,
            Self::Store(error) if store_kind(error) == Kind::Unavailable => {
                Reason::StoreUnavailable
            }
            Self::Store(_) => Reason::Defect,
        }
    }
}

fn store_kind(error: &StoreError) -> Kind {
    match error {
        StoreError::Record(_)
        | StoreError::Read(ReadError::Corrupt(_))
        | StoreError::Replay(ReplayError::Read(ReadError::Corrupt(_))) => Kind::DataLoss,
        StoreError::Read(ReadError::Unavailable(_))
        | StoreError::Replay(ReplayError::Read(ReadError::Unavailable(_)))
        | StoreError::Commit(CommitError::Unavailable(_) | CommitError::Closed) => {
            Kind::Unavailable
        }
        StoreError::Read(_) | StoreError::Replay(_) | StoreError::Commit(_) => Kind::Internal,
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Commit(CommitError::IdempotencyMismatch)
            | StoreError::Replay(ReplayError::Mismatch) => Self::RequestIdReused,
            StoreError::Commit(error @ CommitError::TooLarge { .. }) => Self::TooLarge(error),
            StoreError::Commit(error @ CommitError::OutcomeUnknown(_)) => {
                Self::OutcomeUnknown(error)
            }
            error => Self::Store(error),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::GroupNotFound(name) => {
                return Failure::not_found(AppConnectorGroupName::TYPE, name);
            }
            Error::ProfileNotFound(name) => {
                return Failure::not_found(VersionProfileName::TYPE, name);
            }
            _ => {}
        }
        let kind = error.kind();
        let failure = Failure::new(kind, error.reason(), error.to_string());
        let failure = match &error {
            Error::EtagMismatch { current } => failure.metadata("etag", current),
            Error::Profile(_) => {
                failure.precondition(error.reason(), "version_profile", error.to_string())
            }
            _ => failure,
        };
        let failure =
            if kind == Kind::Unavailable { failure.retry_after(RETRY_AFTER) } else { failure };
        failure.source(error)
    }
}
