//! Repeating a call that is safe to repeat.

use std::{future::Future, time::Duration};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tonic::{Code, Status};

use crate::{context, error::Failure};

/// How often and how long to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries after the first.
    pub retries: usize,
    /// Pause before the first of them; doubled each time, with full jitter.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
}

impl Default for RetryPolicy {
    /// Three more tries within about a second: bridges a restart's last moment, not an outage.
    fn default() -> Self {
        Self {
            retries: 3,
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_millis(800),
        }
    }
}

/// Calls until it succeeds, fails with anything that does not say "come again" (UNAVAILABLE, or RESOURCE_EXHAUSTED with a
/// retry delay, which is kept), or the tries or the deadline of the call being served
/// are spent. Only for calls that may be made twice: reads, and writes with a request id or a fixed outcome.
///
/// # Errors
/// The last failure.
pub async fn retry<T, F>(policy: RetryPolicy, mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let mut pauses = pauses(policy);
    loop {
        let (failure, asked) = match call().await {
            Err(status) => match pause_asked(&status) {
                Some(asked) => (status, asked),
                None => return Err(status),
            },
            done => return done,
        };
        let Some(pause) = pauses.next() else { return Err(failure) };
        let pause = pause.max(asked);
        let left = context::current_deadline()
            .map(|end| end.saturating_duration_since(tokio::time::Instant::now()));
        if left.is_some_and(|left| left <= pause) {
            return Err(failure);
        }
        tokio::time::sleep(pause).await;
    }
}

/// The pauses of one call, each other than those of the next process: callers that fail together do not come again together.
fn pauses(policy: RetryPolicy) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(policy.first_pause)
        .with_max_delay(policy.longest_pause)
        .with_max_times(policy.retries)
        .with_jitter()
        .build()
}

/// How long the server asks to wait before the next try; `None` when there should be none.
fn pause_asked(status: &Status) -> Option<Duration> {
    let asked = || Failure::from_status(status).retry_delay();
    match status.code() {
        Code::Unavailable => Some(asked().unwrap_or_default()),
        Code::ResourceExhausted => asked(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const QUICK: RetryPolicy = RetryPolicy {
        retries: 2,
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(2),
    };

    async fn tries_until(code: Code, succeed_at: usize) -> (Result<(), Status>, usize) {
        let mut tries = 0;
        let outcome = retry(QUICK, || {
            tries += 1;
            let succeeded = tries == succeed_at;
            async move { if succeeded { Ok(()) } else { Err(Status::new(code, "x")) } }
        })
        .await;
        (outcome, tries)
    }

    #[test]
    fn calls_that_fail_together_are_not_tried_again_together() {
        let first = || pauses(RetryPolicy::default()).next();
        let different: HashSet<_> = (0..100).map(|_| first()).collect();
        assert!(different.len() > 50, "{} of 100 pauses differ", different.len());
    }

    #[tokio::test]
    async fn only_unavailable_is_tried_again_and_not_for_ever() {
        assert!(matches!(tries_until(Code::Unavailable, 3).await, (Ok(()), 3)));
        assert!(matches!(tries_until(Code::Unavailable, 9).await, (Err(_), 3)));
        assert!(matches!(tries_until(Code::NotFound, 2).await, (Err(_), 1)));
        assert!(matches!(tries_until(Code::ResourceExhausted, 2).await, (Err(_), 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shed_call_is_tried_again_when_the_server_said() {
        let began = tokio::time::Instant::now();
        let shed = Failure::new(crate::Kind::ResourceExhausted, names::Reason::Overloaded, "later")
            .retry_after(Duration::from_secs(7));
        let mut answers = vec![Ok(()), Err(shed.to_status())];
        retry(QUICK, || std::future::ready(answers.pop().unwrap())).await.unwrap();
        assert!(began.elapsed() >= Duration::from_secs(7));
    }
}
