//! The phases of an ending process.

use tokio_util::sync::CancellationToken;

/// The three steps of a shutdown. Each token is cancelled once, in this order; between them the process waits
/// with a limit.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// The process has been asked to end: health reports NOT_SERVING, nothing else changes yet.
    pub draining: CancellationToken,
    /// Long streams (watches, reports) end now, each with a reason for its peer.
    pub streams: CancellationToken,
    /// Calls have been answered: workers and watch clients stop; then stores close.
    pub workers: CancellationToken,
}

impl Shutdown {
    /// A process that has not been asked to end.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
