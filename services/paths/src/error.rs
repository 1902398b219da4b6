//! Every way in which paths refuses or fails, and its one conversion for the edge.
//!
//! A path that does not exist is no error: see [`crate::domain::candidates::verdict::Reason`].

use std::time::Duration;

use names::{AppConnectorName, Reason};
use rpc::{Failure, Kind};

/// When a caller may try again after something is missing that will come by itself.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a call was refused or failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No such connector here.
    #[error(
        "`{0}` is not known here: it was deleted, or it is so new that the configuration has not arrived yet; try again, and enrol anew if it stays"
    )]
    AppConnectorNotFound(AppConnectorName),
    /// Nothing has been loaded yet.
    #[error("no configuration has been loaded yet: start the registry service, and try again")]
    SnapshotNotReady,
    /// A report stream does not begin with Hello.
    #[error("the first message of a report stream must be `hello`, within 10 s and only once")]
    HelloExpected,
    /// A report stream fell silent.
    #[error("no heartbeat for three periods: send one each `Welcome.heartbeat_period`")]
    HeartbeatMissed,
}

impl Error {
    /// The way of failing that its code follows from.
    #[must_use]
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::AppConnectorNotFound(_) => Kind::NotFound,
            Self::SnapshotNotReady => Kind::Unavailable,
            Self::HelloExpected => Kind::InvalidArgument,
            Self::HeartbeatMissed => Kind::DeadlineExceeded,
        }
    }

    /// The stable word for it.
    #[must_use]
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::AppConnectorNotFound(_) => Reason::ResourceNotFound,
            Self::SnapshotNotReady => Reason::SnapshotNotReady,
            Self::HelloExpected => Reason::HelloExpected,
            Self::HeartbeatMissed => Reason::HeartbeatMissed,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Failure::new(error.kind(), error.reason(), error.to_string());
        match &error {
            Error::AppConnectorNotFound(name) => {
                failure.resource(AppConnectorName::TYPE, name).retry_after(RETRY_AFTER)
            }
            Error::SnapshotNotReady => failure.retry_after(RETRY_AFTER),
            Error::HelloExpected | Error::HeartbeatMissed => failure,
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}
