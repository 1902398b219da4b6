//! What is asked for each answer, because it depends on the moment: schedules and live status.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use rpc::Failure;
use runtime::Clock;

use crate::domain::source::{Freshness, Source, SourceStatus};

/// When a source that is asked each time last answered, and how long it may take to.
#[derive(Debug)]
pub struct Live {
    source: Source,
    limit: Duration,
    heard: Mutex<Option<Timestamp>>,
}

impl Live {
    /// Never heard yet.
    #[must_use]
    pub fn new(source: Source, limit: Duration) -> Self {
        Self { source, limit, heard: Mutex::new(None) }
    }

    /// Asks, within the limit for all calls together; `None` when there is no answer, and then the status says why.
    pub async fn ask<T>(
        &self,
        clock: &Clock,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> (Option<T>, SourceStatus) {
        let answer = tokio::time::timeout(self.limit, call).await;
        // Nothing that could panic runs under this lock.
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, freshness) = match answer {
            Ok(Ok(answer)) => {
                *heard = Some(clock.now());
                (Some(answer), Freshness::Available)
            }
            Ok(Err(failure)) => (None, Freshness::Unavailable(failure.message().to_owned())),
            Err(_) => {
                let why = format!("no answer within {} ms", self.limit.as_millis());
                (None, Freshness::Unavailable(why))
            }
        };
        (answer, SourceStatus { source: self.source, freshness, heard: *heard })
    }
}
