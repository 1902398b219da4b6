//! Every reason why a connector is turned away.
//!
//! Owns: the closed list, its stable words and their messages. Always holds: `KEY_UNKNOWN` is all that is told to who
//! does not hold the secret; every other reason presumes it. Absent on purpose: wire codes (`error.rs`).

use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;
use names::{AppConnectorGroupName, Reason};

/// Why `Enroll` or `RenewCertificate` says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{}", super::secret::Malformed)]
    KeyMalformed,
    #[error("no provisioning key has this secret; it may have been deleted: create another key")]
    KeyUnknown,
    #[error("the provisioning key is disabled; enable it or use another one")]
    KeyDisabled,
    #[error("the provisioning key expired at {at}; extend it or create another one")]
    KeyExpired { at: Timestamp },
    #[error(
        "all {max} uses of the provisioning key are spent; raise max_uses or create another one"
    )]
    KeyExhausted { max: u64 },
    #[error("the provisioning key may not be used from {from}; add the network to allowed_cidrs")]
    SourceNotAllowed { from: IpAddr },
    #[error("{group} is disabled; enable it before connectors join")]
    GroupDisabled { group: AppConnectorGroupName },
    #[error("{group} does not exist any more; use a key of another group")]
    GroupNotFound { group: AppConnectorGroupName },
    #[error("the tenant is suspended; no connector can join it")]
    TenantSuspended,
    #[error("the certificate signing request cannot be used: {problem}")]
    CsrInvalid { problem: String },
    #[error(
        "the public key already belongs to another enrolment; make a new key pair for each connector"
    )]
    PublicKeyInUse,
    #[error("this identity was revoked or its connector deleted; enrol with a new key pair")]
    IdentityRevoked,
    #[error("this public key was enrolled from another host; make a new key pair for each host")]
    FingerprintMismatch,
    #[error("the host's clock shows {client}, the server's {server}; set it to within 5 min")]
    ClockSkew { client: Timestamp, server: Timestamp },
    #[error("too many failed attempts; try again in {} s", .retry_after.as_secs().max(1))]
    RateLimited { retry_after: Duration },
    #[error("the tenant has no room for another connector: {problem}")]
    QuotaExceeded { problem: String },
    #[error("this enrolment is being finished; repeat the call with the same key pair")]
    Pending,
    #[error("this enrolment was given up ({reason}), and its use given back; enrol again")]
    Abandoned { reason: String },
    #[error("registry cannot be reached; repeat the call with the same key pair, the use is kept")]
    RegistryUnavailable,
}

impl Refusal {
    /// The stable reason word.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::KeyMalformed => Reason::KeyMalformed,
            Self::KeyUnknown => Reason::KeyUnknown,
            Self::KeyDisabled => Reason::KeyDisabled,
            Self::KeyExpired { .. } => Reason::KeyExpired,
            Self::KeyExhausted { .. } => Reason::KeyExhausted,
            Self::SourceNotAllowed { .. } => Reason::KeySourceNotAllowed,
            Self::GroupDisabled { .. } => Reason::GroupDisabled,
            Self::GroupNotFound { .. } => Reason::GroupNotFound,
            Self::TenantSuspended => Reason::TenantSuspended,
            Self::CsrInvalid { .. } => Reason::CsrInvalid,
            Self::PublicKeyInUse => Reason::PublicKeyInUse,
            Self::IdentityRevoked => Reason::IdentityRevoked,
            Self::FingerprintMismatch => Reason::FingerprintMismatch,
            Self::ClockSkew { .. } => Reason::ClockSkew,
            Self::RateLimited { .. } => Reason::EnrolmentRateLimited,
            Self::QuotaExceeded { .. } => Reason::QuotaExceeded,
            Self::Pending => Reason::EnrolmentPending,
            Self::Abandoned { .. } => Reason::EnrolmentAbandoned,
            Self::RegistryUnavailable => Reason::RegistryUnavailable,
        }
    }
}
