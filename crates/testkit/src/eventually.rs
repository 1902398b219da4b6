//! Waiting for a condition, with a deadline.
//!
//! Owns: the only pause between looks in the tests. Always holds: a condition that comes true is seen within
//! [`LOOK_PERIOD`]; one that does not fails with what was seen last, never with a bare timeout.
//! Absent on purpose: waiting for a time to pass. A test that needs time to pass moves a clock.

use std::{fmt::Display, future::Future, time::Duration};

use tokio::time::Instant;

/// How long a condition may take on a busy machine of two cores.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks: short against every period in the product.
pub const LOOK_PERIOD: Duration = Duration::from_millis(20);

/// Looks until `look` gives a value; panics with its last complaint after [`PATIENCE`].
///
/// # Panics
/// If the condition does not come true in time.
pub async fn eventually<T, E: Display, F>(what: &str, look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, E>>,
{
    within(PATIENCE, what, look).await
}

/// As [`eventually`], with a deadline that is part of what the test proves.
///
/// # Panics
/// If the condition does not come true in time.
pub async fn within<T, E: Display, F>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Result<T, E>>,
{
    let deadline = Instant::now() + patience;
    loop {
        let complaint = match tokio::time::timeout_at(deadline + LOOK_PERIOD, look()).await {
            Ok(Ok(value)) => return value,
            Ok(Err(complaint)) => complaint.to_string(),
            Err(_) => "the look itself did not end".to_owned(),
        };
        assert!(
            Instant::now() < deadline,
            "not within {patience:?}: {what}; last seen: {complaint}"
        );
        tokio::time::sleep(LOOK_PERIOD).await;
    }
}
