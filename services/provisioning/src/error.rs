//! The one error of this service, and its one way to the wire.
//!
//! Always holds: every refusal has a stable reason and a message that says what to do; what went wrong inside is
//! kept as source, logged once at the edge, and never sent.

use names::{Reason, Violations};
use resource::Fault;
use rpc::error::{Failure, Kind};
use runtime::identity::IdentityError;

use crate::{domain::refusal::Refusal, store::KeyConflict};

/// Why a use case did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A connector is turned away.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such object.
    #[error("`{name}` does not exist")]
    NotFound {
        /// Its type, `causeway/…`.
        resource: &'static str,
        /// Its name.
        name: String,
    },
    /// The group of a new key does not exist, or is deleted.
    #[error("`{0}` does not exist; create it first, or name another group")]
    GroupNotFound(String),
    /// A key could not be written.
    #[error("{0:?}")]
    Conflict(KeyConflict),
    /// The object is deleted and takes no change.
    #[error("the key is deleted; create another one")]
    KeyDeleted(names::ProvisioningKeyName),
    /// Fields break rules.
    #[error("fields are invalid")]
    Invalid(Violations),
    /// A field cannot have this value in the present state.
    #[error("{rule}")]
    Field {
        /// Path of the field.
        field: &'static str,
        /// Stable reason word.
        reason: Reason,
        /// The rule and the fix.
        rule: String,
    },
    /// Registry refused what was asked in the caller's name.
    #[error(transparent)]
    Registry(Failure),
    /// The new group stands, and the key failed.
    #[error("{source}")]
    KeyFailedAfterGroup {
        /// The group that was made.
        group: String,
        /// Why the key was not.
        source: Box<Error>,
    },
    /// Registry gave no answer.
    #[error("registry cannot be reached; try again")]
    RegistryUnavailable,
    /// The store's side failed, or history.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A certificate could not be made.
    #[error("a certificate could not be made")]
    Identity(#[from] IdentityError),
    /// A promise of our own code does not hold.
    #[error("{0}")]
    Broken(String),
}

impl Error {
    pub(crate) fn key_not_found(name: &names::ProvisioningKeyName) -> Self {
        Self::NotFound { resource: names::ProvisioningKeyName::TYPE, name: name.to_string() }
    }
}

/// The kind of a refusal.
fn kind_of_refusal(refusal: &Refusal) -> Kind {
    match refusal {
        Refusal::KeyMalformed | Refusal::CsrInvalid { .. } => Kind::InvalidArgument,
        Refusal::KeyUnknown | Refusal::SourceNotAllowed { .. } | Refusal::IdentityRevoked => {
            Kind::PermissionDenied
        }
        Refusal::PublicKeyInUse => Kind::AlreadyExists,
        Refusal::RateLimited { .. } | Refusal::QuotaExceeded { .. } => Kind::ResourceExhausted,
        Refusal::Pending | Refusal::RegistryUnavailable => Kind::Unavailable,
        Refusal::KeyDisabled
        | Refusal::KeyExpired { .. }
        | Refusal::KeyExhausted { .. }
        | Refusal::GroupDisabled { .. }
        | Refusal::GroupNotFound { .. }
        | Refusal::TenantSuspended
        | Refusal::FingerprintMismatch
        | Refusal::ClockSkew { .. }
        | Refusal::Abandoned { .. } => Kind::FailedPrecondition,
    }
}

fn refusal(refusal: Refusal) -> Failure {
    const FIRST_RETRY: std::time::Duration = std::time::Duration::from_secs(1);
    let failure = Failure::new(kind_of_refusal(&refusal), refusal.reason(), refusal.to_string());
    match refusal {
        Refusal::RateLimited { retry_after } => failure.retry_after(retry_after),
        Refusal::Pending | Refusal::RegistryUnavailable => failure.retry_after(FIRST_RETRY),
        Refusal::ClockSkew { client, server } => {
            failure.metadata("client_time", client).metadata("server_time", server)
        }
        _ => failure,
    }
}

fn conflict(conflict: KeyConflict) -> Failure {
    match conflict {
        KeyConflict::IdTaken { name, deleted } => {
            let (state, fix) = if deleted {
                (
                    "DELETED",
                    "a deleted key keeps its id for 30 days; choose another provisioning_key_id",
                )
            } else {
                ("LIVE", "choose another provisioning_key_id")
            };
            Failure::new(Kind::AlreadyExists, Reason::NameTaken, format!("the id is taken: {fix}"))
                .metadata("state", state)
                .resource(names::ProvisioningKeyName::TYPE, name)
        }
        KeyConflict::DisplayNameTaken { by } => {
            let message =
                format!("the display name belongs to `{by}`: choose another display_name");
            Failure::new(Kind::AlreadyExists, Reason::DisplayNameTaken, message).metadata("by", by)
        }
        KeyConflict::QuotaExceeded { quota } => {
            let message = format!("the tenant has {quota} keys, as many as it may: delete some");
            Failure::new(Kind::ResourceExhausted, Reason::QuotaExceeded, message)
                .quota("provisioning_keys", format!("at most {quota} live keys a tenant"))
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Refused(why) => refusal(why),
            Error::Conflict(why) => conflict(why),
            Error::Fault(fault) => fault.into(),
            Error::Invalid(problems) => problems.into(),
            Error::NotFound { resource, name } => Self::not_found(resource, name),
            Error::Registry(failure) => failure,
            Error::KeyFailedAfterGroup { group, source } => {
                Self::from(*source).metadata("standing_app_connector_group", group)
            }
            Error::GroupNotFound(name) => {
                Self::new(Kind::FailedPrecondition, Reason::GroupNotFound, message)
                    .resource(names::AppConnectorGroupName::TYPE, name)
            }
            Error::KeyDeleted(name) => {
                Self::new(Kind::FailedPrecondition, Reason::Deleted, message)
                    .resource(names::ProvisioningKeyName::TYPE, name)
            }
            Error::Field { field, reason, rule } => {
                let message = format!("1 field is invalid: {field}: {rule}");
                Self::new(Kind::InvalidArgument, Reason::FieldsInvalid, message)
                    .violation(field, reason, rule)
            }
            Error::RegistryUnavailable => {
                Self::new(Kind::Unavailable, Reason::RegistryUnavailable, message)
                    .retry_after(std::time::Duration::from_secs(1))
            }
            Error::Identity(source) => Self::defect(source),
            Error::Broken(_) => Self::defect(message),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_reason_on_the_wire_and_says_when_to_come_back() {
        let limited = Refusal::RateLimited { retry_after: std::time::Duration::from_secs(9) };
        let failure = Failure::from(Error::from(limited));
        assert_eq!(failure.reason(), "ENROLMENT_RATE_LIMITED");
        assert_eq!(failure.kind(), Kind::ResourceExhausted);
        assert_eq!(failure.retry_delay(), Some(std::time::Duration::from_secs(9)));
    }
}
