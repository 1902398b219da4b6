//! Freezes: times in which no update starts.
//!
//! Owns: what a freeze is, for whom it holds, and how it cuts windows.
//! Always holds: what is left of a window lies outside every freeze and is at least [`MIN_REST`] long.
//! Absent on purpose: stopping what runs; a freeze that begins inside a window ends new starts only.

use jiff::{SignedDuration, Timestamp};
use names::AppConnectorGroupName;
use serde::{Deserialize, Serialize};

use super::occurrence::Stretch;

/// Most freezes in one tenant: the quota of the domain.
pub(crate) const MAX_FREEZES: usize = 200;

/// Most groups one freeze may name; one for more groups holds for all of them or is split.
pub(crate) const MAX_GROUPS: usize = 100;

/// Longest reason, in characters: a line on the page.
pub(crate) const MAX_REASON_CHARS: usize = 256;

/// What a freeze leaves of a window and is shorter than the shortest window is dropped.
pub(crate) const MIN_REST: SignedDuration = SignedDuration::from_mins(15);

/// A freeze ends before it begins, or as it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the end of a freeze must be later than its start")]
pub(crate) struct EndsTooEarly;

/// A time in which nothing starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub(crate) struct Freeze {
    /// First instant.
    pub(crate) start: Timestamp,
    /// First instant after it; later than `start`.
    pub(crate) end: Timestamp,
    /// Why, for people.
    pub(crate) reason: String,
    /// For whom; empty means every group of the tenant.
    pub(crate) groups: Vec<AppConnectorGroupName>,
}

/// A freeze as it is stored, before its rule is looked at.
#[derive(Deserialize)]
struct Unchecked {
    start: Timestamp,
    end: Timestamp,
    reason: String,
    groups: Vec<AppConnectorGroupName>,
}

impl TryFrom<Unchecked> for Freeze {
    type Error = EndsTooEarly;

    fn try_from(stored: Unchecked) -> Result<Self, EndsTooEarly> {
        let Unchecked { start, end, reason, groups } = stored;
        if start < end { Ok(Self { start, end, reason, groups }) } else { Err(EndsTooEarly) }
    }
}

impl Freeze {
    /// Whether it holds for this group at all.
    #[must_use]
    pub(crate) fn is_for(&self, group: &AppConnectorGroupName) -> bool {
        self.groups.is_empty() || self.groups.contains(group)
    }

    /// Whether it holds at this instant.
    #[must_use]
    pub(crate) fn holds_at(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }
}

/// What the freezes leave of a stretch, in order.
pub(crate) fn cut(stretch: Stretch, freezes: &[&Freeze]) -> Vec<Stretch> {
    let mut left = vec![stretch];
    for freeze in freezes {
        left = left
            .into_iter()
            .flat_map(|rest| {
                let before = Stretch { start: rest.start, end: rest.end.min(freeze.start) };
                let after = Stretch { start: rest.start.max(freeze.end), end: rest.end };
                [before, after]
            })
            .filter(|rest| rest.start < rest.end)
            .collect();
    }
    left.retain(|rest| rest.length() >= MIN_REST);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn freeze(start: i64, end: i64) -> Freeze {
        Freeze { start: at(start), end: at(end), reason: "sale".into(), groups: vec![] }
    }

    /// What is left of a window of four hours, in minutes.
    fn left(freezes: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let freezes: Vec<_> = freezes.iter().map(|(start, end)| freeze(*start, *end)).collect();
        let window = Stretch { start: at(0), end: at(240) };
        let minutes = |t: Timestamp| t.duration_since(at(0)).as_mins();
        cut(window, &freezes.iter().collect::<Vec<_>>())
            .iter()
            .map(|rest| (minutes(rest.start), minutes(rest.end)))
            .collect()
    }

    #[test]
    fn a_freeze_is_cut_out_and_a_rest_under_a_quarter_of_an_hour_is_dropped() {
        assert_eq!(left(&[]), [(0, 240)]);
        assert_eq!(left(&[(-60, 0), (240, 300)]), [(0, 240)], "touching is not cutting");
        assert_eq!(left(&[(-60, 60)]), [(60, 240)]);
        assert_eq!(left(&[(60, 300)]), [(0, 60)]);
        assert_eq!(left(&[(60, 120)]), [(0, 60), (120, 240)]);
        assert_eq!(left(&[(-10, 250)]), []);
        assert_eq!(left(&[(14, 226)]), [], "fourteen minutes on both sides");
        assert_eq!(left(&[(15, 225)]), [(0, 15), (225, 240)]);
        assert_eq!(left(&[(100, 140), (60, 110), (200, 205)]), [(0, 60), (140, 200), (205, 240)]);
    }

    #[test]
    fn a_freeze_holds_from_its_start_to_just_before_its_end_and_for_whom_it_names() {
        let mut freeze = freeze(0, 10);
        assert!(freeze.holds_at(at(0)) && freeze.holds_at(at(9)) && !freeze.holds_at(at(10)));
        let [berlin, paris] = ["berlin", "paris"]
            .map(|id| format!("tenants/acme/appConnectorGroups/{id}").parse().unwrap());
        assert!(freeze.is_for(&berlin));
        freeze.groups = vec![berlin.clone()];
        assert!(freeze.is_for(&berlin) && !freeze.is_for(&paris));
    }
}
