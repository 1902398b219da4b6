//! The second and third candidate: such as do not fail together with the first.

use crate::domain::candidates::{assess::Assessed, block::Block};

/// What another failure domain may cost, milliseconds.
const DOMAIN_MS: f32 = 25.0;

/// Up to `limit` candidates: the chosen one, then the best of the rest, from failure domains not yet
/// named where that costs at most 25 ms and no health.
#[must_use]
pub fn rank<'a>(
    block: &Block,
    sorted: &[&'a Assessed],
    first: usize,
    limit: usize,
) -> Vec<&'a Assessed> {
    let domain = |one: &Assessed| block.members[one.member as usize].failure_domain.as_ref();
    let mut rest: Vec<&Assessed> = sorted.to_vec();
    let mut ranked = Vec::with_capacity(limit);
    if first < rest.len() {
        ranked.push(rest.remove(first));
    }
    while ranked.len() < limit && !rest.is_empty() {
        let next = rest[0];
        let affordable =
            |one: &&&Assessed| one.tier() == next.tier() && one.metric <= next.metric + DOMAIN_MS;
        let is_new =
            |one: &&Assessed| ranked.iter().all(|named: &&Assessed| domain(named) != domain(one));
        let other = rest.iter().take_while(|one| affordable(one)).position(is_new);
        ranked.push(rest.remove(other.unwrap_or(0)));
    }
    ranked
}
