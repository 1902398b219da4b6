//! Everything that a use case can refuse with, and its one way to the wire.

mod wire;

use names::{AppConnectorName, Reason, TenantName};
use rpc::error::Kind as Code;
use store::{CommitError, ReadError, ReplayError, Revision};

use crate::{
    domain::{Conflict, Kind, Violations},
    store::{RecordError, RowError},
};

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
    /// Another live object of the type has the name for people.
    #[error("the display name is taken by `{by}`")]
    DisplayNameTaken {
        /// What it is.
        kind: Kind,
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
    /// Somebody else wrote since the caller read.
    #[error("the etag of `{name}` is stale")]
    EtagMismatch {
        /// The object.
        name: String,
        /// Its etag now.
        current: String,
    },
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
    /// The request id belongs to another request.
    #[error("the request id was used for another request")]
    RequestIdReused,
    /// A registration was refused.
    #[error("{0:?}")]
    Registration(Refusal),
    /// The order needs more rows sorted than is allowed.
    #[error("the list is too long for this order")]
    OrderTooLarge {
        /// How many rows may be sorted.
        limit: usize,
    },
    /// A list's revision is gone.
    #[error("revision {revision} is compacted")]
    Compacted {
        /// The revision.
        revision: i64,
        /// The oldest that can be read.
        oldest: Revision,
    },
    /// Others kept writing what this write depends on.
    #[error("too much contention")]
    Contended,
    /// The store could not be read or written.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It is unknown whether the write took place.
    #[error("the outcome of the write is unknown: {0}")]
    OutcomeUnknown(String),
    /// A record is damaged or from a newer program.
    #[error("stored data does not read: {0}")]
    DataLoss(String),
    /// A defect of ours.
    #[error("defect: {0}")]
    Defect(String),
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
    /// One field breaks a rule.
    pub fn field(field: &str, reason: Reason, fix: impl Into<String>) -> Self {
        let mut problems = Violations::new();
        problems.add(field, reason, fix);
        Self::Invalid(problems)
    }

    /// The kind of failure, which decides the gRPC code.
    #[must_use]
    pub fn kind(&self) -> Code {
        match self {
            Self::Invalid(_) | Self::RequestIdReused | Self::OrderTooLarge { .. } => {
                Code::InvalidArgument
            }
            Self::NotFound(..) | Self::ReferenceNotFound(_) => Code::NotFound,
            Self::NameTaken { .. } | Self::DisplayNameTaken { .. } => Code::AlreadyExists,
            Self::Deleted { .. }
            | Self::NotDeleted { .. }
            | Self::Referenced { .. }
            | Self::DomainConflict(_) => Code::FailedPrecondition,
            Self::EtagMismatch { .. } | Self::Contended => Code::Aborted,
            Self::QuotaExceeded { .. } => Code::ResourceExhausted,
            Self::Compacted { .. } => Code::OutOfRange,
            Self::KeysUnknown(_) | Self::Unavailable(_) | Self::OutcomeUnknown(_) => {
                Code::Unavailable
            }
            Self::DataLoss(_) => Code::DataLoss,
            Self::Defect(_) => Code::Internal,
            Self::Registration(refusal) => refusal.kind(),
        }
    }

    /// The stable reason word.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Invalid(_) => Reason::FieldsInvalid,
            Self::NotFound(..) => Reason::ResourceNotFound,
            Self::Deleted { .. } => Reason::Deleted,
            Self::NotDeleted { .. } => Reason::NotDeleted,
            Self::NameTaken { .. } => Reason::NameTaken,
            Self::DisplayNameTaken { .. } => Reason::DisplayNameTaken,
            Self::ReferenceNotFound(_) => Reason::ReferenceNotFound,
            Self::Referenced { .. } => Reason::Referenced,
            Self::KeysUnknown(_) => Reason::KeysUnknown,
            Self::EtagMismatch { .. } => Reason::EtagMismatch,
            Self::DomainConflict(_) => Reason::DomainConflict,
            Self::QuotaExceeded { .. } => Reason::QuotaExceeded,
            Self::RequestIdReused => Reason::RequestIdReused,
            Self::OrderTooLarge { .. } => Reason::OrderTooLarge,
            Self::Compacted { .. } => Reason::RevisionCompacted,
            Self::Contended => Reason::Contended,
            Self::Unavailable(_) => Reason::StoreUnavailable,
            Self::OutcomeUnknown(_) => Reason::OutcomeUnknown,
            Self::DataLoss(_) => Reason::StoreDamaged,
            Self::Defect(_) => Reason::Defect,
            Self::Registration(refusal) => refusal.reason(),
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

impl From<RowError> for Error {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Read(error) => error.into(),
            RowError::Record(error) => error.into(),
        }
    }
}

impl From<RecordError> for Error {
    fn from(error: RecordError) -> Self {
        Self::DataLoss(error.to_string())
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Compacted { oldest } => Self::Compacted { revision: -1, oldest },
            ReadError::Corrupt(why) => Self::DataLoss(why),
            ReadError::Future { .. } | ReadError::Unavailable(_) => {
                Self::Unavailable(error.to_string())
            }
        }
    }
}

impl From<ReplayError> for Error {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Mismatch => Self::RequestIdReused,
            ReplayError::Read(error) => error.into(),
        }
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Precondition { .. } => Self::Contended,
            CommitError::IdempotencyMismatch => Self::RequestIdReused,
            CommitError::Unavailable(_) | CommitError::Closed => {
                Self::Unavailable(error.to_string())
            }
            CommitError::OutcomeUnknown(why) => Self::OutcomeUnknown(why),
            CommitError::TooLarge { bytes, max, .. } => Self::field(
                "",
                Reason::TooLarge,
                format!("the object takes {bytes} bytes and at most {max} can be kept; split it"),
            ),
            CommitError::TooManyOps { .. }
            | CommitError::DuplicateKey { .. }
            | CommitError::ReservedKey { .. } => Self::Defect(error.to_string()),
        }
    }
}
