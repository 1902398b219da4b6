//! Callers that each make one call after the other, and what their calls took.
//!
//! Always holds: a call that fails fails the measurement; every call counts, and the time runs until the last is answered.
//! Absent on purpose: an open loop. Two servers that are asked as fast as they answer, by the same callers, compare; a rate that
//! one of them cannot hold does not.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use tonic::Status;

/// One caller.
pub(crate) trait Caller: Send + 'static {
    /// Makes its `nth` call, counted from 0 within this caller's life.
    fn call(&mut self, nth: u64) -> impl Future<Output = Result<(), Status>> + Send;
}

/// Callers at work, over several loads.
pub(crate) struct Callers<C> {
    each: Vec<(C, u64)>,
}

/// What one load gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Calls answered a second.
    pub(crate) rate: f64,
    /// Calls answered.
    pub(crate) calls: u64,
    /// 99 of 100 calls took at most this, microseconds.
    pub(crate) p99_us: f64,
    /// Half of the calls took at most this, microseconds.
    pub(crate) p50_us: f64,
}

impl<C: Caller> Callers<C> {
    /// These callers, none of which has called yet.
    pub(crate) fn new(callers: impl IntoIterator<Item = C>) -> Self {
        Self { each: callers.into_iter().map(|caller| (caller, 0)).collect() }
    }

    /// All call for so long, and each at least once.
    pub(crate) async fn run(&mut self, time: Duration) -> Result<Load> {
        let begun = Instant::now();
        let end = begun + time;
        let at_work = self.each.drain(..).map(|(caller, from)| {
            let work = tokio::spawn(work(caller, from, end));
            async move { work.await.context("a caller panicked")? }
        });
        let done = try_join_all(at_work).await?;
        let mut times = Vec::new();
        for (caller, next, took) in done {
            self.each.push((caller, next));
            times.extend(took);
        }
        let took = begun.elapsed();
        times.sort_unstable();
        let at = |share: f64| f64::from(times[((times.len() - 1) as f64 * share) as usize]) / 1e3;
        Ok(Load {
            rate: times.len() as f64 / took.as_secs_f64(),
            calls: times.len() as u64,
            p99_us: at(0.99),
            p50_us: at(0.5),
        })
    }
}

/// One caller's calls until the end, at least one, each in nanoseconds.
async fn work<C: Caller>(mut caller: C, from: u64, end: Instant) -> Result<(C, u64, Vec<u32>)> {
    let mut times = Vec::new();
    let mut nth = from;
    let mut now = Instant::now();
    loop {
        caller.call(nth).await.with_context(|| format!("call {nth} of a caller"))?;
        nth += 1;
        let done = Instant::now();
        times.push(u32::try_from((done - now).as_nanos()).unwrap_or(u32::MAX));
        now = done;
        if now >= end {
            return Ok((caller, nth, times));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(Option<u64>);

    impl Caller for Counting {
        async fn call(&mut self, nth: u64) -> Result<(), Status> {
            assert_eq!(nth, self.0.map_or(0, |last| last + 1));
            self.0 = Some(nth);
            tokio::task::yield_now().await;
            if nth == u64::MAX { Err(Status::unavailable("")) } else { Ok(()) }
        }
    }

    struct Failing;

    impl Caller for Failing {
        async fn call(&mut self, _: u64) -> Result<(), Status> {
            Err(Status::unavailable("gone"))
        }
    }

    #[tokio::test]
    async fn a_caller_goes_on_counting_in_the_next_load_and_one_that_fails_fails_all() {
        let mut callers = Callers::new([Counting(None), Counting(None)]);
        let time = Duration::from_millis(20);
        let load = callers.run(time).await.unwrap();
        assert!(load.calls > 0 && load.p50_us <= load.p99_us, "{load:?}");
        callers.run(time).await.unwrap();
        let failed = Callers::new([Failing]).run(time).await.unwrap_err();
        assert!(format!("{failed:#}").contains("gone"), "{failed:#}");
    }
}
