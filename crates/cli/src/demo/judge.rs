//! What a choice is worth: the choices that simpler rules would have made, and the rules no choice may break.

use serde::Serialize;

/// Candidates this near the best share load, so any of them is a right choice: domain rule 5 of path selection.
const NEAR_MS: f64 = 2.0;
const NEAR_SHARE: f64 = 0.05;

/// One connector with its legs, as ExplainPath told them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Seen {
    /// The connector's id.
    pub(crate) connector: String,
    /// Its group's id, which is its city's.
    pub(crate) group: String,
    /// Milliseconds from the user.
    pub(crate) user_leg_ms: f64,
    /// Where that number comes from.
    pub(crate) user_leg_source: String,
    /// Milliseconds to the application.
    pub(crate) application_leg_ms: f64,
    /// Where that number comes from.
    pub(crate) application_leg_source: String,
    /// What selection compared, penalties included.
    pub(crate) total_ms: f64,
    /// Whether the application answered its last check from there.
    pub(crate) is_up: bool,
    /// 1 for the choice, 2 for the runner-up, 0 for the rest.
    pub(crate) rank: i32,
}

/// The choice that looks only at the user's distance, as the nearest-gateway rule of many products does.
pub(crate) fn nearest_to_user(seen: &[Seen]) -> Option<&Seen> {
    seen.iter().filter(|s| s.is_up).min_by(|a, b| a.user_leg_ms.total_cmp(&b.user_leg_ms))
}

/// The choice that looks only at the application's latency.
pub(crate) fn lowest_application_leg(seen: &[Seen]) -> Option<&Seen> {
    seen.iter()
        .filter(|s| s.is_up)
        .min_by(|a, b| a.application_leg_ms.total_cmp(&b.application_leg_ms))
}

/// The connector with this rank.
pub(crate) fn ranked(seen: &[Seen], rank: i32) -> Option<&Seen> {
    seen.iter().find(|s| s.rank == rank)
}

/// Every rule that this answer breaks. `allowed` are the groups that serve the application; `measured_at_least` is the real
/// round trip from a group to the application, which no honest measurement undercuts.
pub(crate) fn broken_rules(
    seen: &[Seen],
    allowed: impl Fn(&str) -> bool,
    measured_at_least: impl Fn(&str) -> f64,
) -> Vec<String> {
    let Some(chosen) = ranked(seen, 1) else {
        return vec!["no connector was chosen although the application is served".to_owned()];
    };
    let mut broken = Vec::new();
    if !allowed(&chosen.group) {
        broken.push(format!("{} cannot reach the application by configuration", chosen.connector));
    }
    if !chosen.is_up {
        broken.push(format!("{} was chosen but the application is not up there", chosen.connector));
    }
    if chosen.application_leg_source != "measured" {
        broken.push(format!("{}'s application leg is not measured", chosen.connector));
    }
    for s in seen.iter().filter(|s| s.application_leg_source == "measured") {
        let floor = measured_at_least(&s.group);
        if s.application_leg_ms < floor {
            let (connector, leg) = (&s.connector, s.application_leg_ms);
            broken.push(format!("{connector} claims {leg:.2} ms where {floor:.2} ms is the least"));
        }
    }
    let best = seen.iter().filter(|s| s.is_up).map(|s| s.total_ms).fold(f64::INFINITY, f64::min);
    let band = NEAR_MS.max(NEAR_SHARE * best);
    if chosen.total_ms > best + band {
        let (connector, total) = (&chosen.connector, chosen.total_ms);
        broken.push(format!("{connector} at {total:.1} ms is not near the best, {best:.1} ms"));
    }
    if let Some(second) = ranked(seen, 2)
        && second.total_ms + band < chosen.total_ms
    {
        broken.push(format!("the runner-up {} is better than the choice", second.connector));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(connector: &str, user: f64, application: f64, rank: i32) -> Seen {
        Seen {
            connector: connector.to_owned(),
            group: connector.to_owned(),
            user_leg_ms: user,
            user_leg_source: "estimated".to_owned(),
            application_leg_ms: application,
            application_leg_source: "measured".to_owned(),
            total_ms: user + application,
            is_up: true,
            rank,
        }
    }

    #[test]
    fn one_legged_rules_choose_by_their_leg() {
        let all =
            [seen("near", 5.0, 100.0, 0), seen("far", 90.0, 1.0, 2), seen("good", 20.0, 20.0, 1)];
        assert_eq!(nearest_to_user(&all).unwrap().connector, "near");
        assert_eq!(lowest_application_leg(&all).unwrap().connector, "far");
        assert!(broken_rules(&all, |_| true, |_| 0.5).is_empty());
    }

    #[test]
    fn each_broken_rule_is_told() {
        let rules = |all: &[Seen]| broken_rules(all, |group| group != "foreign", |_| 0.5).len();
        assert_eq!(rules(&[]), 1);
        assert_eq!(rules(&[seen("foreign", 1.0, 1.0, 1)]), 1);
        assert_eq!(rules(&[Seen { is_up: false, ..seen("a", 1.0, 1.0, 1) }]), 1);
        let assumed = "assumed".to_owned();
        assert_eq!(rules(&[Seen { application_leg_source: assumed, ..seen("a", 1.0, 1.0, 1) }]), 1);
        assert_eq!(rules(&[seen("too-fast", 1.0, 0.1, 1)]), 1);
        let worse = [seen("worse", 50.0, 50.0, 1), seen("better", 10.0, 10.0, 2)];
        assert_eq!(rules(&worse), 2);
    }
}
