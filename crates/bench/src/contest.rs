//! Two servers under the same load, in turns.
//!
//! Always holds: one of them is idle while the other is measured; both are warmed up first; neighbours make a pair, so that a busy
//! quarter of a minute on a shared machine falls on both.

use std::time::Duration;

use anyhow::Result;

use crate::{
    figure::{Better, Figure},
    load::{Caller, Callers, Load},
    machine::processor_time,
    scale::Scale,
};

/// A load before the first that counts is this much shorter.
const WARM_UP: u32 = 3;

/// One server and its callers.
pub(crate) struct Side<C> {
    pub(crate) callers: Callers<C>,
    /// The server's process.
    pub(crate) process: u32,
}

/// What one load gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) load: Load,
    /// Processor time of the server for one call, microseconds.
    processor_us: f64,
}

/// Pairs of neighbours: ours and theirs.
pub(crate) struct Pairs(Vec<(Measured, Measured)>);

impl<C: Caller> Side<C> {
    async fn measure(&mut self, time: Duration) -> Result<Measured> {
        let before = processor_time(self.process)?;
        let load = self.callers.run(time).await?;
        let used = processor_time(self.process)?.saturating_sub(before);
        Ok(Measured { load, processor_us: used.as_secs_f64() * 1e6 / load.calls as f64 })
    }
}

/// Measures both in turns.
pub(crate) async fn contest<A: Caller, B: Caller>(
    scale: &Scale,
    ours: &mut Side<A>,
    theirs: &mut Side<B>,
) -> Result<Pairs> {
    ours.measure(scale.load / WARM_UP).await?;
    theirs.measure(scale.load / WARM_UP).await?;
    let mut pairs = Vec::new();
    for _ in 0..scale.repetitions {
        let pair = (ours.measure(scale.load).await?, theirs.measure(scale.load).await?);
        pairs.push(pair);
    }
    Ok(Pairs(pairs))
}

impl Pairs {
    /// Calls a second.
    pub(crate) fn rate(&self, name: impl Into<String>, what: &'static str) -> Figure {
        self.figure(name, "/s", Better::More, what, |one| one.load.rate)
    }

    /// The time that 99 of 100 calls do not exceed.
    pub(crate) fn p99(&self, name: impl Into<String>, what: &'static str) -> Figure {
        self.figure(name, "µs", Better::Less, what, |one| one.load.p99_us)
    }

    /// The time that half of the calls do not exceed.
    pub(crate) fn p50(&self, name: impl Into<String>, what: &'static str) -> Figure {
        self.figure(name, "µs", Better::Less, what, |one| one.load.p50_us)
    }

    /// What a call costs the server, whoever else uses the machine.
    pub(crate) fn processor(&self, name: impl Into<String>, what: &'static str) -> Figure {
        self.figure(name, "µs", Better::Less, what, |one| one.processor_us)
    }

    fn figure(
        &self,
        name: impl Into<String>,
        unit: &'static str,
        better: Better,
        what: &'static str,
        of: impl Fn(&Measured) -> f64,
    ) -> Figure {
        let pairs: Vec<_> = self.0.iter().map(|(ours, theirs)| (of(ours), of(theirs))).collect();
        Figure::compared(name, unit, better, what, &pairs)
    }
}
