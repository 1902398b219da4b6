//! A group's update schedule: what was written, what counts, and what comes next.
//!
//! Owns: the schedule's fields and defaults, and `next_periodic_update`.
//! Always holds: an enabled schedule whose zone is known always has a next window, also when there is nothing to
//! update; all of it follows from the arguments alone.
//! Absent on purpose: who is on which version. Until connectors report versions here and releases exist, no
//! schedule has a target.

use jiff::Timestamp;
use names::{AppConnectorGroupName, VersionProfileName};
use serde::{Deserialize, Serialize};

use super::{
    freeze::{Freeze, cut},
    occurrence::{Stretch, stretches},
    pace::Pace,
    window::MaintenanceWindow,
    zone::Zone,
};

/// What an administrator wrote for a group, or the defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// Whether windows open at all.
    pub(crate) enabled: bool,
    /// At most [`super::window::MAX_WINDOWS`]; none means the default one.
    pub(crate) windows: Vec<MaintenanceWindow>,
    /// IANA zone of its own; `None` means the group's.
    pub(crate) time_zone: Option<String>,
    /// The group's own profile. It persists exactly while there is one.
    pub(crate) persisted_profile: Option<VersionProfileName>,
    /// How rollouts go through the group.
    pub(crate) pace: Pace,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            enabled: true,
            windows: Vec::new(),
            time_zone: None,
            persisted_profile: None,
            pace: Pace::default(),
        }
    }
}

impl Schedule {
    /// The windows that count: those written, else Sunday 02:00 for four hours.
    #[must_use]
    pub(crate) fn effective_windows(&self) -> &[MaintenanceWindow] {
        if self.windows.is_empty() { &[MaintenanceWindow::DEFAULT] } else { &self.windows }
    }
}

/// What the next window will bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextState {
    /// Nothing opens.
    ScheduleDisabled,
    /// The profile resolves to no release.
    NoTarget,
    /// A freeze holds now.
    Frozen,
    /// The window is open now.
    Open,
    /// Updates will start when the window opens.
    Due,
}

/// The next window and what it will bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NextUpdate {
    /// The window, freezes cut out; `None` exactly with [`NextState::ScheduleDisabled`].
    pub(crate) window: Option<Stretch>,
    /// What it will bring.
    pub(crate) state: NextState,
    /// Reason of the freeze; only with [`NextState::Frozen`].
    pub(crate) freeze_reason: Option<String>,
}

/// The windows that end after `from`, freezes of the group cut out, in order.
pub(crate) fn upcoming<'a>(
    windows: &[MaintenanceWindow],
    zone: &Zone,
    freezes: Vec<&'a Freeze>,
    from: Timestamp,
) -> impl Iterator<Item = Stretch> + use<'a> {
    stretches(windows, zone, from)
        .flat_map(move |stretch| cut(stretch, &freezes))
        .filter(move |stretch| stretch.end > from)
}

/// The freezes that hold for a group.
pub(crate) fn freezes_for<'a>(
    freezes: &'a [Freeze],
    group: &AppConnectorGroupName,
) -> Vec<&'a Freeze> {
    freezes.iter().filter(|freeze| freeze.is_for(group)).collect()
}

/// The next window of a schedule and what it will bring; `has_target` says whether its profile resolves to any
/// release.
#[must_use]
pub(crate) fn next_update(
    schedule: &Schedule,
    zone: &Zone,
    freezes: Vec<&Freeze>,
    has_target: bool,
    now: Timestamp,
) -> NextUpdate {
    let nothing =
        NextUpdate { window: None, state: NextState::ScheduleDisabled, freeze_reason: None };
    if !schedule.enabled {
        return nothing;
    }
    let holding = freezes.iter().find(|freeze| freeze.holds_at(now)).map(|it| it.reason.clone());
    let Some(window) = upcoming(schedule.effective_windows(), zone, freezes, now).next() else {
        return nothing;
    };
    let state = match holding {
        _ if !has_target => NextState::NoTarget,
        Some(_) => NextState::Frozen,
        None if window.contains(now) => NextState::Open,
        None => NextState::Due,
    };
    let freeze_reason = holding.filter(|_| state == NextState::Frozen);
    NextUpdate { window: Some(window), state, freeze_reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn berlin() -> Zone {
        "Europe/Berlin".parse().unwrap()
    }

    fn freeze(start: &str, end: &str) -> Freeze {
        let (start, end) = (instant(start), instant(end));
        Freeze { start, end, reason: "year end".into(), groups: vec![] }
    }

    fn window(start: &str, end: &str) -> Option<Stretch> {
        Some(Stretch { start: instant(start), end: instant(end) })
    }

    #[test]
    fn the_next_window_is_always_named_with_what_it_will_bring() {
        let sunday = window("2026-11-29T01:00Z", "2026-11-29T05:00Z");
        let enabled = Schedule::default();
        for (now, has_target, state) in [
            ("2026-11-24T12:00Z", true, NextState::Due),
            ("2026-11-29T00:59:59Z", true, NextState::Due),
            ("2026-11-29T01:00Z", true, NextState::Open),
            ("2026-11-29T04:59:59Z", true, NextState::Open),
            ("2026-11-29T04:59:59Z", false, NextState::NoTarget),
        ] {
            let next = next_update(&enabled, &berlin(), vec![], has_target, instant(now));
            assert_eq!((next.window, next.state), (sunday, state), "{now}");
        }
        let after = next_update(&enabled, &berlin(), vec![], true, instant("2026-11-29T05:00Z"));
        assert_eq!(after.window, window("2026-12-06T01:00Z", "2026-12-06T05:00Z"));
    }

    #[test]
    fn a_disabled_schedule_has_no_next_window() {
        let disabled = Schedule { enabled: false, ..Schedule::default() };
        let next = next_update(&disabled, &berlin(), vec![], true, instant("2026-11-24T12:00Z"));
        assert_eq!((next.window, next.state), (None, NextState::ScheduleDisabled));
    }

    #[test]
    fn a_freeze_moves_the_next_window_past_its_end_and_gives_its_reason_while_it_holds() {
        let freeze = freeze("2026-11-25T00:00Z", "2026-12-20T02:00Z");
        let next =
            |now| next_update(&Schedule::default(), &berlin(), vec![&freeze], true, instant(now));
        let rest = window("2026-12-20T02:00Z", "2026-12-20T05:00Z");
        let before = next("2026-11-24T12:00Z");
        assert_eq!(
            (before.window, before.state, before.freeze_reason),
            (rest, NextState::Due, None)
        );
        let inside = next("2026-12-01T12:00Z");
        assert_eq!((inside.window, inside.state), (rest, NextState::Frozen));
        assert_eq!(inside.freeze_reason.as_deref(), Some("year end"));
    }

    #[test]
    fn a_freeze_for_ever_leaves_no_window() {
        let freeze = freeze("2020-01-01T00:00Z", "2199-01-01T00:00Z");
        let now = instant("2026-11-24T12:00Z");
        let next = next_update(&Schedule::default(), &berlin(), vec![&freeze], true, now);
        assert_eq!((next.window, next.state), (None, NextState::ScheduleDisabled));
    }
}
