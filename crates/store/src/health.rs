//! Whether the store takes commits, and what is said when it does not.
//!
//! Absent on purpose: a state for an engine that is out of reach. The embedded one is in this process and cannot be. An engine
//! behind a network adds it here, as one that recovers by itself like [`StoreHealth::Full`]: whoever waits for
//! [`StoreHealth::Failed`] must not end a process for it.

/// The state of a store, as readiness checks and logs show it. Reads go on in every state but
/// `Closed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreHealth {
    /// Commits are taken.
    Serving,
    /// The disk has less room than the reserve; commits are refused until there is more.
    /// Recovers by itself.
    Full {
        /// What to say.
        reason: String,
    },
    /// A write or sync failed. What the failed commits left is unknown until the store is opened
    /// anew, so no further one is taken; the process must be restarted.
    Failed {
        /// What to say.
        reason: String,
    },
    /// A commit hangs for longer than the watchdog allows; the process is about to be ended.
    Stuck {
        /// What to say.
        reason: String,
    },
    /// The store was closed on purpose.
    Closed,
}

impl StoreHealth {
    /// Whether commits are taken.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        *self == StoreHealth::Serving
    }

    /// Why commits are refused; none while serving.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        match self {
            StoreHealth::Serving => None,
            StoreHealth::Full { reason }
            | StoreHealth::Failed { reason }
            | StoreHealth::Stuck { reason } => Some(reason.clone()),
            StoreHealth::Closed => Some("the store is closed".to_owned()),
        }
    }
}
