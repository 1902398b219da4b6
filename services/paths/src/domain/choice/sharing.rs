//! Which of several near-equal candidates: load is shared by headroom, clients are spread by a keyed hash.
//!
//! Always holds: the same client, candidates and load give the same answer; a candidate outside the band
//! is never chosen.
//!
//! ## Design notes
//! The band is max(2 ms, 5 %). While the best has capacity to spare, every client gets the best: giving
//! milliseconds away for an even spread over idle connectors helps no client. From half of its capacity on, a
//! share of the clients that grows with its load is spread over the whole band by headroom, weight and
//! slow start. Which clients move first is a property of the client's key, so that a rising load moves each
//! client once and a retry repeats the answer. Where the administrator gave the groups of the band
//! different weights, the spread is what was asked for, and all clients are spread.

use crate::domain::{
    candidates::{assess::Assessed, block::Block},
    question::moment::Moment,
};

/// Least width of the band, milliseconds, and its relative width.
const BAND_MS: f32 = 2.0;
const BAND_SHARE: f32 = 0.05;
/// From this radius on a client's place is vague, kilometres.
const VAGUE_FROM_KM: f32 = 200.0;
/// How much of a vague radius widens the band, milliseconds per kilometre: 30 % of the slope.
const VAGUE_MS_PER_KM: f32 = 0.015 * 0.3;
/// Utilisation of the best at which clients begin to be spread, and at which all of them are.
const SPREAD_FROM: f32 = 0.5;
const SPREAD_ALL_AT: f32 = 0.8;
/// Time until a connector has its full weight after it connected (again), milliseconds, and the share it begins at.
const SLOW_START_MS: f32 = 60_000.0;
const SLOW_START_FROM: f32 = 0.1;
/// Headroom is compared in steps, so that a session more or less moves no client.
const HEADROOM_STEPS: f32 = 8.0;
/// Least weight of a full candidate: others are full too.
const LEAST_HEADROOM: f32 = 1.0 / 16.0;

/// How far above the best a candidate is near-equal, milliseconds.
#[must_use]
pub fn band_ms(best: f32, radius_km: f32) -> f32 {
    let vague = if radius_km > VAGUE_FROM_KM { radius_km * VAGUE_MS_PER_KM } else { 0.0 };
    BAND_MS.max(BAND_SHARE * best) + vague
}

/// Chooses among candidates that are sorted, best first: a position in them.
#[must_use]
pub fn choose(
    block: &Block,
    sorted: &[&Assessed],
    radius_km: f32,
    client: impl FnOnce() -> Vec<u8>,
    moment: &Moment,
) -> usize {
    let Some(best) = sorted.first() else { return 0 };
    let limit = best.metric + band_ms(best.metric, radius_km);
    let near = |one: &&&Assessed| one.tier() == best.tier() && one.metric <= limit;
    let band = &sorted[..sorted.iter().take_while(near).count()];
    if band.len() < 2 {
        return 0;
    }
    let share = spread_share(band);
    if share <= 0.0 {
        return 0;
    }
    let client = client();
    if unit(moment, &client, b"") >= share {
        return 0;
    }
    let draw = |one: &&Assessed| {
        let name = block.members[one.member as usize].name.app_connector.as_str();
        // Weighted rendezvous: the smallest exponential variate wins with a probability in proportion to
        // the weight, and a change of one weight moves only clients to or from that candidate.
        -unit(moment, &client, name.as_bytes()).ln() / weight(one)
    };
    let draws = band.iter().map(draw).enumerate();
    draws.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(position, _)| position)
}

/// The share of clients that do not simply get the best.
fn spread_share(band: &[&Assessed]) -> f32 {
    let best = band[0];
    if band.iter().any(|one| one.preference.weight != best.preference.weight) {
        return 1.0;
    }
    let loaded = (best.utilisation - SPREAD_FROM) / (SPREAD_ALL_AT - SPREAD_FROM);
    let start = |one: &&Assessed| slow_start(one);
    let longest = band.iter().map(start).fold(0.0, f32::max);
    let starting = 1.0 - start(&best) / longest;
    loaded.clamp(0.0, 1.0).max(starting)
}

fn weight(one: &Assessed) -> f32 {
    let headroom = ((1.0 - one.utilisation).max(0.0) * HEADROOM_STEPS).ceil() / HEADROOM_STEPS;
    headroom.max(LEAST_HEADROOM) * f32::from(one.preference.weight) * slow_start(one)
}

/// From a tenth to one over the first minute.
fn slow_start(one: &Assessed) -> f32 {
    let grown = one.connected_for_ms / SLOW_START_MS;
    (SLOW_START_FROM + (1.0 - SLOW_START_FROM) * grown).min(1.0)
}

/// A number above 0 and below 1 that only a holder of the key can foretell.
fn unit(moment: &Moment, client: &[u8], candidate: &[u8]) -> f32 {
    let mut hasher = blake3::Hasher::new_keyed(&moment.hash_key);
    hasher.update(client);
    // A separator that occurs in neither part keeps (ab, c) apart from (a, bc).
    hasher.update(&[0xff]);
    hasher.update(candidate);
    let bytes = hasher.finalize();
    let mut word = [0u8; 4];
    word.copy_from_slice(&bytes.as_bytes()[..4]);
    (u32::from_le_bytes(word) >> 8) as f32 / 16_777_216.0 + 1.0 / 33_554_432.0
}
