//! The closed list of ways to fail.

use tonic::Code;

/// A way to fail; each maps to one gRPC code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The request breaks a rule that does not depend on state.
    InvalidArgument,
    /// No such object, or one of a tenant the caller does not know.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// Somebody was faster: read again and repeat.
    Aborted,
    /// The state forbids it until something else changes.
    FailedPrecondition,
    /// A cursor (page or resume token) no longer points anywhere: begin again.
    OutOfRange,
    /// A quota or limit is spent.
    ResourceExhausted,
    /// Known caller, missing right.
    PermissionDenied,
    /// No valid certificate or token.
    Unauthenticated,
    /// Out of reach just now; the outcome of a write is unknown.
    Unavailable,
    /// The caller's time is over; the outcome of a write is unknown.
    DeadlineExceeded,
    /// Not built.
    Unimplemented,
    /// A defect of ours.
    Internal,
    /// Stored data is damaged.
    DataLoss,
    /// The caller gave up.
    Cancelled,
}

impl Kind {
    /// The gRPC code.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::InvalidArgument => Code::InvalidArgument,
            Self::NotFound => Code::NotFound,
            Self::AlreadyExists => Code::AlreadyExists,
            Self::Aborted => Code::Aborted,
            Self::FailedPrecondition => Code::FailedPrecondition,
            Self::OutOfRange => Code::OutOfRange,
            Self::ResourceExhausted => Code::ResourceExhausted,
            Self::PermissionDenied => Code::PermissionDenied,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Unavailable => Code::Unavailable,
            Self::DeadlineExceeded => Code::DeadlineExceeded,
            Self::Unimplemented => Code::Unimplemented,
            Self::Internal => Code::Internal,
            Self::DataLoss => Code::DataLoss,
            Self::Cancelled => Code::Cancelled,
        }
    }

    /// The kind behind a code that came from a peer. `Ok` and `Unknown` say nothing a caller could act
    /// on, so both count as a defect.
    #[must_use]
    pub fn from_code(code: Code) -> Self {
        match code {
            Code::InvalidArgument => Self::InvalidArgument,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::Aborted => Self::Aborted,
            Code::FailedPrecondition => Self::FailedPrecondition,
            Code::OutOfRange => Self::OutOfRange,
            Code::ResourceExhausted => Self::ResourceExhausted,
            Code::PermissionDenied => Self::PermissionDenied,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::Unavailable => Self::Unavailable,
            Code::DeadlineExceeded => Self::DeadlineExceeded,
            Code::Unimplemented => Self::Unimplemented,
            Code::Ok | Code::Unknown | Code::Internal => Self::Internal,
            Code::DataLoss => Self::DataLoss,
            Code::Cancelled => Self::Cancelled,
        }
    }

    /// Whether the fault is on this side of the wire: those are logged as errors.
    #[must_use]
    pub fn is_server_fault(self) -> bool {
        matches!(self, Self::Internal | Self::DataLoss)
    }
}

/// The code's name as gRPC writes it, for metrics and command lines.
#[must_use]
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::Aborted => "ABORTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::Unauthenticated => "UNAUTHENTICATED",
        Code::Unavailable => "UNAVAILABLE",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::DataLoss => "DATA_LOSS",
        Code::Cancelled => "CANCELLED",
    }
}
