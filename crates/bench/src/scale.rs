//! How much of everything: enough for figures, or just enough to see that the harness works.

use std::time::Duration;

/// Sizes of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Connectors of the tenant that questions and starts are measured with. The product promises a tenant of 100,000.
    pub(crate) connectors: usize,
    /// App connector groups among which those are spread; a group of 50 is a large site.
    pub(crate) groups: usize,
    /// Connectors that serve, in each of four places.
    pub(crate) serving_each: usize,
    /// Applications, all reached by the same groups.
    pub(crate) applications: usize,
    /// Time of one load: long against a group commit and a scheduler's slice, short against what else the machine does,
    /// so that neighbours in time see the same machine.
    pub(crate) load: Duration,
    /// Repetitions of each pair of measurements.
    pub(crate) repetitions: usize,
    /// Records that are read.
    pub(crate) records: usize,
    /// Watchers of one change.
    pub(crate) watchers: usize,
    /// Changes that they wait for, in each repetition.
    pub(crate) changes: usize,
    /// Joins of one repetition.
    pub(crate) joins: usize,
    /// Starts of one service.
    pub(crate) starts: usize,
}

impl Scale {
    /// What the figures in the README are taken with.
    pub(crate) fn full() -> Self {
        Self {
            connectors: 100_000,
            groups: 2_000,
            serving_each: 4,
            applications: 1_000,
            load: Duration::from_secs(3),
            repetitions: 5,
            records: 10_000,
            watchers: 1_000,
            changes: 20,
            joins: 4_096,
            starts: 3,
        }
    }

    /// Seconds in all; the numbers mean nothing.
    pub(crate) fn quick() -> Self {
        Self {
            connectors: 50,
            groups: 2,
            serving_each: 1,
            applications: 2,
            load: Duration::from_millis(50),
            repetitions: 1,
            records: 20,
            watchers: 20,
            changes: 1,
            joins: 8,
            starts: 1,
        }
    }
}
