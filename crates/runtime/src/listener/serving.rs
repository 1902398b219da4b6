//! What a listener serves with, and how it is asked to end.

use tokio_util::sync::CancellationToken;

use super::{Limits, ListenerMetrics, ServerTls};
use crate::tasks::Tasks;

/// How a listener is asked to end.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    /// Take no new connections, ask the open ones to finish.
    pub stop: CancellationToken,
    /// Cut what is still open.
    pub abort: CancellationToken,
}

/// What a listener serves with.
#[derive(Clone, Debug)]
pub struct Serving {
    /// TLS of the listener.
    pub tls: ServerTls,
    /// Its limits.
    pub limits: Limits,
    /// Its counters.
    pub metrics: ListenerMetrics,
    /// Where connections run.
    pub tasks: Tasks,
    /// How it is asked to end.
    pub drain: Drain,
}
