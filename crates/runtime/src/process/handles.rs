//! File handles: every connection takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Handles beside connections: stores, listeners, logs, calls to siblings.
const OTHER_HANDLES: u64 = 512;

/// Takes all the handles that the system allows (shells and init systems often begin with 1,024), and warns when that is
/// less than the listeners may need.
pub(super) fn take_all(max_connections: usize) {
    let allowed = getrlimit(Resource::Nofile);
    if allowed.current != allowed.maximum {
        let wanted = Rlimit { current: allowed.maximum, maximum: allowed.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, wanted) {
            tracing::warn!(%error, ?allowed, "the limit of file handles cannot be raised");
        }
    }
    let needed = u64::try_from(max_connections).unwrap_or(u64::MAX).saturating_add(OTHER_HANDLES);
    if let Some(have) = getrlimit(Resource::Nofile).current.filter(|have| *have < needed) {
        tracing::warn!(
            have,
            needed,
            "fewer file handles than server.max_connections may need; raise the limit (ulimit -n, LimitNOFILE) or lower the setting"
        );
    }
}
