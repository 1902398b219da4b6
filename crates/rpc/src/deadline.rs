//! How long the call that is being served may still take.
//!
//! Always holds: inside a handler [`current`] is the moment at which its caller stops waiting, so that calls to
//! siblings made on its behalf ask for no more than is left.

use tokio::time::Instant;

tokio::task_local! {
    pub(crate) static DEADLINE: Instant;
}

/// When the caller of the running handler stops waiting; `None` outside a handler and in one without deadline.
#[must_use]
pub fn current() -> Option<Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok()
}
