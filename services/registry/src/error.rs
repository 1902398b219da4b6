//! Everything that a use case can refuse with, and its one way to the wire.

mod wire;

use names::{AppConnectorName, Reason, TenantName};
use resource::Fault;
use rpc::error::Kind as Code;

use crate::domain::{Claim, Conflict, Kind, Violations};

/// Most blockers that one refusal names; the rest is counted as "and more".
pub(crate) const MAX_BLOCKERS: usize = 50;

/// Something that stops a delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// Its resource type.
    pub resource_type: &'static str,
    /// Its name.
    pub name: String,
}

/// Why a use case refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields break rules.
    #[error("fields are invalid")]
    Invalid(Violations),
    /// No such object.
    #[error("`{1}` does not exist")]
    NotFound(Kind, String),
    /// It is soft-deleted, and so cannot be changed.
    #[error("`{name}` is deleted")]
    Deleted {
        /// What it is.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// It is not soft-deleted, so its delete cannot be taken back.
    #[error("`{name}` is not deleted")]
    NotDeleted {
        /// What it is.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// The id is taken, perhaps by a deleted object.
    #[error("`{name}` exists already")]
    NameTaken {
        /// What it is.
        kind: Kind,
        /// Its name.
        name: String,
        /// Whether a deleted object holds it.
        deleted: bool,
    },
    /// Another live object of the type has what this one claims.
    #[error("`{by}` has it")]
    Claimed {
        /// What it is.
        kind: Kind,
        /// What is claimed.
        claim: Claim,
        /// Who has it.
        by: String,
    },
    /// Objects that are named do not exist.
    #[error("objects that are named do not exist")]
    ReferenceNotFound(Vec<(String, String)>),
    /// Others still depend on it.
    #[error("`{name}` is in use")]
    Referenced {
        /// What it is.
        kind: Kind,
        /// Its name.
        name: String,
        /// Who depends on it.
        blockers: Vec<Blocker>,
        /// Whether there are more than listed.
        more: bool,
    },
    /// Provisioning cannot say whether keys depend on the group.
    #[error("provisioning cannot be asked for the keys of `{0}`")]
    KeysUnknown(String),
    /// Another enabled segment covers the same name and port.
    #[error("`{}` covers `{}` already", .0.with, .0.target)]
    DomainConflict(Conflict),
    /// The tenant holds as many as it may.
    #[error("`{tenant}` may hold {limit} {}s", .kind.label())]
    QuotaExceeded {
        /// The tenant.
        tenant: TenantName,
        /// Of what.
        kind: Kind,
        /// How many.
        limit: usize,
    },
    /// A registration was refused.
    #[error("{0:?}")]
    Registration(Refusal),
    /// The store's side failed, or history.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why RegisterAppConnector or AbandonRegistration refuses; each is final for its enrolment unless
/// an administrator changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The tenant does not exist or is deleted.
    TenantNotFound(TenantName),
    /// The tenant is suspended.
    TenantSuspended(TenantName),
    /// The group does not exist or is deleted.
    GroupNotFound(String),
    /// The group is disabled.
    GroupDisabled(String),
    /// The enrolment was given up.
    EnrolmentAbandoned(String),
    /// The enrolment's connector, or the key pair's, was deleted.
    IdentityRevoked(AppConnectorName),
    /// The key pair belongs to another connector.
    PublicKeyInUse(AppConnectorName),
    /// The enrolment made this connector already, so it cannot be given up.
    RegistrationStands(AppConnectorName),
}

impl Error {
    /// The reason word, for metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Registration(refusal) => refusal.reason().word(),
            Self::QuotaExceeded { .. } => Reason::QuotaExceeded.word(),
            Self::NameTaken { .. } => Reason::NameTaken.word(),
            Self::Fault(Fault::Contended) => Reason::Contended.word(),
            _ => "ERROR",
        }
    }
}

impl Refusal {
    fn kind(&self) -> Code {
        match self {
            Self::TenantNotFound(_) | Self::GroupNotFound(_) => Code::NotFound,
            Self::PublicKeyInUse(_) => Code::AlreadyExists,
            Self::TenantSuspended(_)
            | Self::GroupDisabled(_)
            | Self::EnrolmentAbandoned(_)
            | Self::IdentityRevoked(_)
            | Self::RegistrationStands(_) => Code::FailedPrecondition,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::TenantNotFound(_) => Reason::TenantNotFound,
            Self::TenantSuspended(_) => Reason::TenantSuspended,
            Self::GroupNotFound(_) => Reason::GroupNotFound,
            Self::GroupDisabled(_) => Reason::GroupDisabled,
            Self::EnrolmentAbandoned(_) => Reason::EnrolmentAbandoned,
            Self::IdentityRevoked(_) => Reason::IdentityRevoked,
            Self::PublicKeyInUse(_) => Reason::PublicKeyInUse,
            Self::RegistrationStands(_) => Reason::RegistrationStands,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::TenantNotFound(tenant) => format!("`{tenant}` does not exist or is deleted"),
            Self::TenantSuspended(tenant) => {
                format!("`{tenant}` is suspended; set its state to ACTIVE to enrol connectors")
            }
            Self::GroupNotFound(group) => {
                format!("`{group}` does not exist or is deleted; use a key of another group")
            }
            Self::GroupDisabled(group) => {
                format!("`{group}` is disabled; enable it to enrol connectors")
            }
            Self::EnrolmentAbandoned(enrolment) => {
                format!("`{enrolment}` was abandoned; begin a new enrolment")
            }
            Self::IdentityRevoked(connector) => format!(
                "the key pair belonged to `{connector}`, which is deleted; make a new key pair"
            ),
            Self::PublicKeyInUse(connector) => {
                format!("the key pair belongs to `{connector}`; make a new key pair")
            }
            Self::RegistrationStands(connector) => {
                format!("the enrolment made `{connector}`; it can only go forward")
            }
        }
    }
}
