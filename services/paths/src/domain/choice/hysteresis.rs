//! When a client leaves a connector that still works for a better one.
//!
//! Always holds: a choice that still works is left only for a gain of more than 2 ms *and* 5 %, not
//! within the segment's `sticky_for` after the last move, and at most four times an hour. The ways out:
//! it fails; the segment changed; the client moved over 100 km or to another network; the gain passes
//! 50 ms and 50 %; or the choice was made without a measurement.

use jiff::Timestamp;
use names::{AppConnectorName, ApplicationSegmentName};
use serde::{Deserialize, Serialize};

use crate::domain::{
    candidates::assess::Assessed,
    configuration::Segment,
    cost::place::Coordinates,
    question::{location::ClientLocation, query::Query},
};

/// A gain must pass both to move a client.
const GAIN_MS: f32 = 2.0;
const GAIN_SHARE: f32 = 0.05;
/// A gain that passes both moves a client within `sticky_for` too.
const GREAT_GAIN_MS: f32 = 50.0;
const GREAT_GAIN_SHARE: f32 = 0.5;
/// A client that moved farther is another client, kilometres.
const MOVED_KM: f32 = 100.0;
/// Moves that only improve, an hour and client.
const MOVES_AN_HOUR: usize = 4;
const HOUR_S: i64 = 3_600;
/// Oldest earlier choice that counts, seconds.
const REMEMBERED_FOR_S: i64 = 86_400;

/// An earlier choice, as the client's token carries it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// For which application.
    pub segment: ApplicationSegmentName,
    /// What was chosen.
    pub connector: AppConnectorName,
    /// Since when, seconds.
    pub since: i64,
    /// When the answer was given, seconds.
    pub issued: i64,
    /// Moves of the last hour that only improved, seconds.
    pub moves: Vec<i64>,
    /// Where the client was, degrees, if known.
    pub place: Option<(f64, f64)>,
    /// In which network.
    pub network: String,
    /// Whether it was chosen without a measurement of the application.
    pub provisional: bool,
}

/// What an earlier choice does to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Nothing: there is none, or it no longer counts.
    None,
    /// It stays.
    Keeps,
    /// It works, and is left for a gain.
    Improves,
}

/// Whether an earlier choice is about this question at all.
#[must_use]
pub fn counts(
    hold: &Hold,
    segment: &ApplicationSegmentName,
    query: &Query,
    location: &ClientLocation,
    now: Timestamp,
) -> bool {
    let age = now.as_second().saturating_sub(hold.issued);
    let was = hold.place.and_then(|(lat, lon)| Coordinates::new(lat, lon));
    let moved = match (was, location.coordinates) {
        (Some(was), Some(is)) => was.distance_km(is) > MOVED_KM,
        (None, None) => false,
        _ => true,
    };
    hold.segment == *segment
        && (0..=REMEMBERED_FOR_S).contains(&age)
        && !moved
        && hold.network == query.client_network
}

/// Whether a client stays with `held`, which still works, although `best` is there.
#[must_use]
pub fn pull(
    hold: &Hold,
    held: &Assessed,
    best: &Assessed,
    segment: &Segment,
    now: Timestamp,
) -> Pull {
    // A worse tier of health is no match of numbers: it is left as a failure is.
    if held.tier() != best.tier() {
        return Pull::None;
    }
    let gain = held.metric - best.metric;
    let passes = |ms: f32, share: f32| gain > ms && gain > share * held.metric;
    let now_s = now.as_second();
    let recent = hold.moves.iter().filter(|at| now_s.saturating_sub(**at) < HOUR_S).count();
    let sticky_s = i64::try_from(segment.sticky_for.as_secs()).unwrap_or(i64::MAX);
    let sticky = !hold.provisional && now_s.saturating_sub(hold.since) < sticky_s;
    let better =
        passes(GREAT_GAIN_MS, GREAT_GAIN_SHARE) || (!sticky && passes(GAIN_MS, GAIN_SHARE));
    if better && recent < MOVES_AN_HOUR { Pull::Improves } else { Pull::Keeps }
}

/// The token's content for a new answer: what was chosen, and what is remembered of before.
#[must_use]
pub fn renew(before: Option<&Hold>, pull: Pull, chosen: Choice<'_>, now: Timestamp) -> Hold {
    let Choice { connector, segment, query, location, measured } = chosen;
    let now_s = now.as_second();
    let stays = before.filter(|hold| hold.connector == connector && hold.segment == segment);
    let mut moves: Vec<i64> = before.map(|hold| hold.moves.clone()).unwrap_or_default();
    moves.retain(|at| now_s.saturating_sub(*at) < HOUR_S);
    if pull == Pull::Improves {
        moves.push(now_s);
    }
    Hold {
        segment,
        connector,
        since: stays.map_or(now_s, |hold| hold.since),
        issued: now_s,
        moves,
        place: location.coordinates.map(|at| (at.latitude(), at.longitude())),
        network: query.client_network.clone(),
        provisional: !measured,
    }
}

/// A choice that was just made.
#[derive(Clone, Debug)]
pub struct Choice<'a> {
    /// The connector.
    pub connector: AppConnectorName,
    /// For which application.
    pub segment: ApplicationSegmentName,
    /// The question.
    pub query: &'a Query,
    /// The place used for the client.
    pub location: &'a ClientLocation,
    /// Whether the application leg is a measurement.
    pub measured: bool,
}
