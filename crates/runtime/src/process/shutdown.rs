//! The phases of an ending process.

use tokio_util::sync::CancellationToken;

/// Three moments on the way down. Each token is cancelled once, in this order; between them the process waits
/// with a limit.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// The process has been told to end: health says NOT_SERVING, nothing else changes yet.
    pub draining: CancellationToken,
    /// Long streams (watches, reports) end now, each telling its peer why.
    pub streams: CancellationToken,
    /// Calls have been answered: workers and watch clients stop; then stores close.
    pub workers: CancellationToken,
}

impl Shutdown {
    /// A process that nobody has told to end.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
