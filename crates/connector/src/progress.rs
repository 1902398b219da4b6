//! The progress of a running agent.

use names::AppConnectorName;

/// How far an agent is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Its name, once it has enrolled.
    pub app_connector: Option<AppConnectorName>,
    /// What it does now.
    pub phase: Phase,
    /// Report streams opened so far.
    pub sessions: u64,
    /// Certificates renewed so far.
    pub renewals: u64,
    /// What went wrong last; empty after a success.
    pub problem: String,
}

/// What an agent does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Reading its state.
    #[default]
    Starting,
    /// Asking for its identity.
    Enrolling,
    /// Opening a report stream.
    Connecting,
    /// Reporting.
    Reporting,
    /// Waiting before the next attempt.
    Waiting,
    /// Ended.
    Stopped,
}
