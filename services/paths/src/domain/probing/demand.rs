//! Which applications are in use: what `ON_ACCESS` probing follows.

use names::Id;

use crate::domain::{configuration::Protocol, matching::host::Host};

/// How long an application counts as used after the last question for it, milliseconds.
pub const USED_FOR_MS: i64 = 30 * 60 * 1_000;

/// Something that users ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// The segment that covers it.
    pub segment: Id,
    /// The host as asked.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

/// Something that is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    /// What users ask for.
    pub access: Access,
    /// When they last did, milliseconds.
    pub last_ms: i64,
}
