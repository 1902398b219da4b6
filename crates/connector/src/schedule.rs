//! When to probe what.
//!
//! Owns: the due time of every target, and the pace.
//! Always holds: two probes never start closer than `1 / rate`; a target is probed at most once a period unless its
//! last check failed, and never twice at a time; when the pace does not suffice, the target that has waited longest
//! goes first, so each gets its check; a target that stays in the list keeps its due time when the list is replaced.
//! Absent on purpose: sockets, tasks and the clock. `now` is an argument.
//!
//! ## Design notes
//! A failed check is confirmed after a quarter of the period: "down" takes two failures in a row, so the news is
//! out well within two periods, and one lost packet marks no target as down. Each repetition is a little early (never
//! late) by a random share, which spreads connectors that started together.
//!
//! Due times are calendar times, because tests move the calendar. When the host's clock is set back, they are
//! pulled in to one period from the new time, so a corrected clock never stops the checks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use rand::Rng;

use crate::resolve::Families;

/// Probes that a connector may start a second, unless the control plane says otherwise: light enough for the
/// smallest host and invisible to any server.
pub(crate) const DEFAULT_PROBES_PER_SECOND: u32 = 20;
/// Most probes a second that a connector accepts as its pace: one core does more, but a mistake in a setting must
/// not make all connectors flood the servers.
pub(crate) const MAX_PROBES_PER_SECOND: u32 = 1_000;
/// Probe period of a target that names none.
pub(crate) const DEFAULT_PERIOD: Duration = Duration::from_secs(30);
/// Shortest period that is accepted; tests and the demo use 200 ms.
pub(crate) const MIN_PERIOD: Duration = Duration::from_millis(50);

/// A repetition comes early by up to this share of the period.
const EARLY_SHARE: f64 = 0.1;
/// A failed check is repeated after the period divided by this.
const CONFIRM_DIVISOR: u32 = 4;

/// Something to check, as the control plane assigned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Opaque; goes back with each result.
    pub id: String,
    /// Host name or literal address.
    pub host: String,
    /// Port, 1…65535.
    pub port: u16,
    /// Whether a TCP connect shows anything about it; otherwise it is reported as not probed.
    pub tcp: bool,
    /// Addresses that may be used.
    pub families: Families,
    /// How often to check.
    pub period: Duration,
    /// When a check without an answer has failed.
    pub timeout: Duration,
}

/// The probe plan of one connector.
#[derive(Debug)]
pub(crate) struct Schedule {
    gap: Duration,
    entries: BTreeMap<String, Entry>,
    /// Ids of all targets that are not being probed right now, by due time.
    by_due: BTreeSet<(Timestamp, String)>,
    in_flight: BTreeSet<String>,
    not_before: Timestamp,
    last_now: Timestamp,
}

#[derive(Debug)]
struct Entry {
    target: Arc<Target>,
    due: Timestamp,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            gap: gap_of(DEFAULT_PROBES_PER_SECOND),
            entries: BTreeMap::new(),
            by_due: BTreeSet::new(),
            in_flight: BTreeSet::new(),
            not_before: Timestamp::MIN,
            last_now: Timestamp::MIN,
        }
    }
}

fn gap_of(probes_per_second: u32) -> Duration {
    Duration::from_secs(1) / probes_per_second.clamp(1, MAX_PROBES_PER_SECOND)
}

impl Schedule {
    /// Sets the pace, brought into 1…[`MAX_PROBES_PER_SECOND`].
    pub(crate) fn set_pace(&mut self, probes_per_second: u32) {
        self.gap = gap_of(probes_per_second);
    }

    /// Replaces the list. New targets are due at once (the pace spreads them), known ones keep their time, though no
    /// later than one period from now.
    pub(crate) fn replace(&mut self, targets: impl IntoIterator<Item = Target>, now: Timestamp) {
        let mut old = std::mem::take(&mut self.entries);
        for target in targets {
            let latest = later(now, target.period.max(MIN_PERIOD));
            let due = old.remove(&target.id).map_or(now, |entry| entry.due.min(latest));
            self.entries.insert(target.id.clone(), Entry { target: Arc::new(target), due });
        }
        self.rebuild();
    }

    /// Takes the target to probe now, if one is due and the pace allows it. It is due again only when
    /// [`Self::probed`] reports how the check went.
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<Arc<Target>> {
        self.notice_clock(now);
        if now < self.not_before || self.by_due.first()?.0 > now {
            return None;
        }
        let (_, id) = self.by_due.pop_first()?;
        let target = self.entries.get(&id)?.target.clone();
        self.not_before = later(now, self.gap);
        self.in_flight.insert(id);
        Some(target)
    }

    /// Reports how the check of a target that was taken at `started` went.
    pub(crate) fn probed(&mut self, id: &str, ok: bool, started: Timestamp, rng: &mut impl Rng) {
        self.in_flight.remove(id);
        let Some(entry) = self.entries.get_mut(id) else {
            return; // It left the list meanwhile.
        };
        let period = entry.target.period.max(MIN_PERIOD);
        let wait = if ok {
            period.mul_f64(1.0 - rng.random_range(0.0..EARLY_SHARE))
        } else {
            period / CONFIRM_DIVISOR
        };
        entry.due = later(started, wait);
        self.by_due.insert((entry.due, id.to_owned()));
    }

    /// When [`Self::take`] may next succeed; `None` while nothing waits.
    #[must_use]
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.by_due.first().map(|(due, _)| (*due).max(self.not_before))
    }

    /// How many targets there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn notice_clock(&mut self, now: Timestamp) {
        if now < self.last_now {
            self.not_before = self.not_before.min(later(now, self.gap));
            for entry in self.entries.values_mut() {
                let latest = later(now, entry.target.period.max(MIN_PERIOD));
                entry.due = entry.due.min(latest);
            }
            self.rebuild();
        }
        self.last_now = now;
    }

    fn rebuild(&mut self) {
        let waiting = self.entries.iter().filter(|(id, _)| !self.in_flight.contains(*id));
        self.by_due = waiting.map(|(id, entry)| (entry.due, id.clone())).collect();
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| now.checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
