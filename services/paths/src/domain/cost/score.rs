//! The numbers: both legs, the penalty for load, and what the policy compares.
//!
//! ## Design notes
//! - 15 ms for 1,000 km of great circle has the least regret over measured pairs of cities; neither the
//!   speed of light in fibre nor the line of best fit comes near it.
//! - An unmeasured application leg counts as the worst known of the set: as 0 it would send every client
//!   to the connector that knows least. With none known it is equal for all, and the user leg decides.
//! - The penalty begins at 60 % of capacity and is 30 ms at 100 %, so that load spills to farther
//!   connectors before the near ones fail.

use crate::domain::{
    candidates::{assess::Assessed, block::Block},
    configuration::SelectionPolicy,
    cost::place::{Coordinates, Direction, round_trip_ms},
};

/// Utilisation from which on load costs.
const PENALTY_FROM: f32 = 0.6;
/// What full utilisation costs, milliseconds.
const PENALTY_AT_FULL_MS: f32 = 30.0;
/// How much faster the cost grows beyond full: a full connector comes after all that have capacity nearby.
const OVERLOAD_FACTOR: f32 = 10.0;
/// Utilisation beyond which the cost no longer grows: a broken report must not become infinite.
const PENALTY_CAP: f32 = 4.0;

/// Fills in the numbers of every candidate; those that cannot serve get theirs too, for Explain.
pub fn score(
    block: &Block,
    client: Option<Coordinates>,
    policy: SelectionPolicy,
    all: &mut [Assessed],
) {
    let assumed = worst_known(all);
    let from = client.map(Coordinates::direction);
    for one in all.iter_mut() {
        let m = one.member as usize;
        one.user_ms = from.map_or(0.0, |from| {
            let to = Direction { x: block.x[m], y: block.y[m], z: block.z[m] };
            round_trip_ms(from.distance_km(to))
        });
        one.measured = one.reading.milliseconds.is_some();
        one.application_ms = one.reading.milliseconds.unwrap_or(assumed);
        one.penalty_ms = penalty_ms(one.utilisation);
        one.total_ms = one.user_ms + one.application_ms + one.penalty_ms;
        one.metric = match policy {
            SelectionPolicy::LowestTotalLatency => one.total_ms,
            SelectionPolicy::ClosestToUser => one.user_ms + one.penalty_ms,
            SelectionPolicy::ClosestToApplication => one.application_ms + one.penalty_ms,
        };
    }
}

/// The worst measured application leg among those that can serve, milliseconds; 0 when there is none.
fn worst_known(all: &[Assessed]) -> f32 {
    let usable = all.iter().filter(|one| one.verdict.is_usable());
    usable.filter_map(|one| one.reading.milliseconds).fold(0.0, f32::max)
}

/// What utilisation costs, milliseconds.
fn penalty_ms(utilisation: f32) -> f32 {
    let utilisation = utilisation.min(PENALTY_CAP);
    let over = (utilisation.min(1.0) - PENALTY_FROM).max(0.0)
        + OVERLOAD_FACTOR * (utilisation - 1.0).max(0.0);
    PENALTY_AT_FULL_MS * over / (1.0 - PENALTY_FROM)
}

#[cfg(test)]
mod tests {
    use super::penalty_ms;

    #[test]
    fn load_costs_nothing_below_60_percent_and_30_ms_at_100() {
        assert_eq!(penalty_ms(0.6), 0.0);
        assert!((penalty_ms(0.8) - 15.0).abs() < 1e-4);
        assert!((penalty_ms(1.0) - 30.0).abs() < 1e-4);
        assert!((penalty_ms(1.1) - 105.0).abs() < 0.1, "beyond full it grows ten times as fast");
        assert_eq!(penalty_ms(9.0), penalty_ms(4.0));
    }
}
