//! Every way in which updates refuses or fails, and its one conversion for the edge.

use std::time::Duration;

use names::{AppConnectorGroupName, Reason, TenantName, VersionProfileName};
use resource::Fault;
use rpc::error::{Failure, Kind};

use crate::domain::change::ProfileChangeError;

/// When a caller may try again after a sibling could not answer: a restart takes about this long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a call was refused or failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No such group, or it is deleted.
    #[error("the app connector group does not exist")]
    GroupNotFound(AppConnectorGroupName),
    /// No such tenant.
    #[error("the tenant does not exist")]
    TenantNotFound(TenantName),
    /// No such version profile.
    #[error("the version profile does not exist")]
    ProfileNotFound(VersionProfileName),
    /// A group's own profile and its flag do not go together.
    #[error(transparent)]
    Profile(#[from] ProfileChangeError),
    /// The group or the tenant is not known here and its owner cannot be asked.
    #[error(
        "the app connector group or its tenant is not known here yet and registry cannot be asked: try again"
    )]
    RegistryUnavailable(#[source] Box<Failure>),
    /// The store's side failed, or history.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Fault(fault) => fault.into(),
            Error::GroupNotFound(name) => Self::not_found(AppConnectorGroupName::TYPE, name),
            Error::TenantNotFound(name) => Self::not_found(TenantName::TYPE, name),
            Error::ProfileNotFound(name) => Self::not_found(VersionProfileName::TYPE, name),
            Error::Profile(error) => {
                let reason = match error {
                    ProfileChangeError::NotPersisted => Reason::VersionProfileNotPersisted,
                    ProfileChangeError::Missing => Reason::VersionProfileMissing,
                };
                Self::new(Kind::FailedPrecondition, reason, error.to_string()).precondition(
                    reason,
                    "version_profile",
                    error.to_string(),
                )
            }
            Error::RegistryUnavailable(_) => {
                Self::new(Kind::Unavailable, Reason::RegistryUnavailable, error.to_string())
                    .retry_after(RETRY_AFTER)
                    .source(error)
            }
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}
