//! The report stream in the connector's own types.
//!
//! Owns: what goes up and down the stream. Always holds: nothing here is a message of the wire; `grpc` converts.
//! Absent on purpose: opening the stream (`grpc::open`), and using it (`session`).

use std::{pin::Pin, time::Duration};

use futures::{Stream, channel::mpsc};

use crate::{load::Load, probe::ProbeResult, schedule::Target};

/// Reports that wait for the network at most. A second of probes at the default pace, and heartbeats.
pub(crate) const REPORT_QUEUE: usize = 32;

/// Reason with which a deleted or revoked identity is refused, everywhere.
const IDENTITY_REVOKED: &str = "IDENTITY_REVOKED";

/// What the connector sends.
#[derive(Clone, Debug)]
pub(crate) enum Report {
    /// A sign of life.
    Heartbeat {
        /// Counts up from 1 within a stream.
        sequence: i64,
        /// Load now.
        load: Load,
    },
    /// What probes found.
    Probes(Vec<ProbeResult>),
    /// The end, on purpose.
    Goodbye {
        /// One word.
        reason: &'static str,
    },
}

/// What the control plane answers.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// The terms of the stream, first.
    Welcome {
        /// How often to send a heartbeat.
        heartbeat_period: Duration,
        /// Most probes to start in a second.
        probes_per_second: u32,
    },
    /// All that is to be probed from now on.
    Assign(Vec<Target>),
    /// A heartbeat has arrived.
    HeartbeatAck,
    /// Selection has stopped.
    Drain {
        /// Why, for people.
        reason: String,
    },
    /// The stream ends; come back.
    Farewell {
        /// One word.
        reason: String,
        /// How long to wait first.
        retry_after: Duration,
    },
    /// Something that this version does not know.
    Unknown,
}

/// Why a call or stream failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({reason})")]
pub struct Refusal {
    /// Stable reason word, or the gRPC code's name if the server gave none.
    pub reason: String,
    /// For people.
    pub message: String,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// Whether trying the same again can succeed.
    pub transient: bool,
}

impl Refusal {
    /// Whether the identity itself is refused, because it was deleted or revoked: no attempt with it can succeed.
    pub(crate) fn refuses_identity(&self) -> bool {
        self.reason == IDENTITY_REVOKED
    }
}

/// An open stream.
pub(crate) struct Link {
    /// Up. Dropping it ends the stream.
    pub reports: mpsc::Sender<Report>,
    /// Down.
    pub orders: Pin<Box<dyn Stream<Item = Result<Order, Refusal>> + Send>>,
}
