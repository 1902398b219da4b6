//! How fast and how carefully a rollout goes through a group.
//!
//! Owns: the limits of a schedule that rollouts will obey, and their defaults.
//! Always holds: each value is in its range.
//! Absent on purpose: rollouts themselves, which are not built yet; until then these are kept and shown.

use serde::{Deserialize, Serialize};

/// Most connectors a count may name: ten times the largest group in use.
pub(crate) const MAX_COUNT: u16 = 1_000;
/// Most times one connector's update is tried again: more would not help.
pub(crate) const MAX_RETRIES: u8 = 10;
/// Longest soak of the canaries, in seconds: a week, the period of the default schedule.
pub(crate) const MAX_SOAK_SECONDS: u32 = 7 * 24 * 3600;

/// How many connectors of the group may be unavailable at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MaxUnavailable {
    /// A number, 1 to [`MAX_COUNT`].
    Count(u16),
    /// Per cent of the enabled connectors, 1 to 100; rounded down, at least 1.
    Percent(u8),
}

/// The connectors that go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Canary {
    /// How many, 0 to [`MAX_COUNT`].
    pub(crate) count: u16,
    /// How long they must run well, in seconds, at most [`MAX_SOAK_SECONDS`].
    pub(crate) soak_seconds: u32,
}

/// What happens at the failure threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureAction {
    /// Stop until a person decides.
    Halt,
    /// Go on.
    Continue,
}

/// One of a schedule's limits is not in its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a limit of the schedule's pace is out of its range")]
pub(crate) struct OutOfRange;

/// All of a schedule's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub(crate) struct Pace {
    /// How many may be unavailable at once.
    pub(crate) max_unavailable: MaxUnavailable,
    /// Who goes first.
    pub(crate) canary: Canary,
    /// How often one connector is tried again, at most [`MAX_RETRIES`].
    pub(crate) retry_limit: u8,
    /// Failed connectors at which a rollout halts, 1 to [`MAX_COUNT`].
    pub(crate) failure_threshold: u16,
    /// What happens then.
    pub(crate) on_failure: FailureAction,
}

/// Limits as they are stored, before their ranges are looked at.
#[derive(Deserialize)]
struct Unchecked {
    max_unavailable: MaxUnavailable,
    canary: Canary,
    retry_limit: u8,
    failure_threshold: u16,
    on_failure: FailureAction,
}

impl TryFrom<Unchecked> for Pace {
    type Error = OutOfRange;

    fn try_from(stored: Unchecked) -> Result<Self, OutOfRange> {
        let Unchecked { max_unavailable, canary, retry_limit, failure_threshold, on_failure } =
            stored;
        let share = match max_unavailable {
            MaxUnavailable::Count(count) => (1..=MAX_COUNT).contains(&count),
            MaxUnavailable::Percent(percent) => (1..=100).contains(&percent),
        };
        let canaries = canary.count <= MAX_COUNT && canary.soak_seconds <= MAX_SOAK_SECONDS;
        let failures = retry_limit <= MAX_RETRIES && (1..=MAX_COUNT).contains(&failure_threshold);
        if share && canaries && failures {
            Ok(Self { max_unavailable, canary, retry_limit, failure_threshold, on_failure })
        } else {
            Err(OutOfRange)
        }
    }
}

impl Default for Pace {
    /// One at a time, no canaries, two retries, halt at the first failure: slow and safe.
    fn default() -> Self {
        Self {
            max_unavailable: MaxUnavailable::Count(1),
            canary: Canary::default(),
            retry_limit: 2,
            failure_threshold: 1,
            on_failure: FailureAction::Halt,
        }
    }
}
