//! Why a connector ends by itself.

use names::JoinTokenError;
use runtime::identity::IdentityError;

use crate::{identity::KeyError, link::Refusal, state::StateError};

/// Why an agent ended before it was stopped.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// No identity and no way to get one.
    #[error(
        "this host is not enrolled: pass --join-token, from the reply that created the provisioning key"
    )]
    NotEnrolled,
    /// The join token is of no use.
    #[error(transparent)]
    JoinToken(#[from] JoinTokenError),
    /// The control plane refused for good.
    #[error("the control plane refuses this connector: {0}")]
    Refused(Refusal),
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What enrolment gave cannot be used.
    #[error("the connector's identity cannot be used: {0}")]
    Identity(#[from] IdentityError),
}
