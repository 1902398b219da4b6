//! When a question is answered, and under which settings.

use std::time::Duration;

use jiff::Timestamp;

/// When and under which settings a question is answered.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// How many replicas of this service answer, at least 1: each sees its own grants only.
    pub replicas: u32,
    /// For how long an ended certificate still counts; above 0 only while none can be renewed.
    pub certificate_grace: Duration,
    /// Whether the configuration is older than the staleness limit.
    pub stale_configuration: bool,
    /// Key of the hash that spreads clients; the same on every replica.
    pub hash_key: [u8; 32],
    /// Randomness for the jitter of the time to live.
    pub seed: u64,
}
