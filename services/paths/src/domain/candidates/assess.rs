//! Each candidate on its own: may it serve, and what is known of it.
//!
//! Always holds: every member of the block gets exactly one verdict; a verdict names the first link that
//! fails, in the order of the chain.

use std::time::Duration;

use super::{
    block::{Block, Member},
    observed::Observed,
    verdict::Verdict,
};
use crate::domain::{
    configuration::{HealthReporting, Preference, Segment, UnhealthyPolicy},
    probing::{health::Health, reading::Reading},
    question::{moment::Moment, query::Query},
    reporting::numbers::ConnectorNumbers,
};

/// One candidate with its numbers.
#[derive(Clone, Copy, Debug)]
pub struct Assessed {
    /// Position in the block.
    pub member: u32,
    /// What became of it.
    pub verdict: Verdict,
    /// The group's preference.
    pub preference: Preference,
    /// What its checks say.
    pub reading: Reading,
    /// User leg, milliseconds.
    pub user_ms: f32,
    /// Application leg, milliseconds.
    pub application_ms: f32,
    /// Whether the application leg is a measurement of this connector.
    pub measured: bool,
    /// Share of its capacity in use.
    pub utilisation: f32,
    /// For how long it has been connected without a break, milliseconds; 0 if it is not.
    pub connected_for_ms: f32,
    /// Added for load, milliseconds.
    pub penalty_ms: f32,
    /// Both legs and the penalty, milliseconds.
    pub total_ms: f32,
    /// What the segment's policy compares, milliseconds.
    pub metric: f32,
}

impl Assessed {
    /// The place in which UP comes before UNKNOWN and, let through by policy, DOWN.
    #[must_use]
    pub fn tier(&self) -> Health {
        self.reading.health
    }
}

/// What came of the whole set.
#[derive(Debug)]
pub struct Assessment {
    /// One entry a member, in the order of the block.
    pub all: Vec<Assessed>,
    /// The policy for unhealthy sets let candidates through.
    pub unhealthy: bool,
}

/// Gives every member its verdict, without latency. `observed` has one entry a member, in the order of the block.
#[must_use]
pub fn assess(
    block: &Block,
    observed: impl Iterator<Item = Observed>,
    segment: &Segment,
    query: &Query,
    moment: &Moment,
) -> Assessment {
    let now_ms = moment.now.as_millisecond();
    let mut all = Vec::with_capacity(block.members.len());
    for (position, (member, observed)) in block.members.iter().zip(observed).enumerate() {
        let Observed { connector, application: mut reading, is_wrong_family } = observed;
        if segment.health_reporting == HealthReporting::None {
            reading.health = Health::Up;
        }
        let preference = match segment.preferences.is_empty() {
            true => Preference::default(),
            false => segment.preference(&member.group),
        };
        let connected_for_ms = connector.connected_for_ms(now_ms);
        let verdict = configured(member, segment, preference, query)
            .or_else(|| connected_for_ms.is_none().then_some(Verdict::Disconnected))
            .or_else(|| is_wrong_family.then_some(Verdict::DnsFamily))
            .or_else(|| fit(&connector, &reading, moment.certificate_grace, now_ms))
            .unwrap_or(Verdict::RankedLower);
        all.push(Assessed {
            member: position as u32,
            verdict,
            preference,
            reading,
            user_ms: 0.0,
            application_ms: 0.0,
            measured: false,
            utilisation: connector.utilisation(moment.replicas),
            connected_for_ms: connected_for_ms.unwrap_or_default() as f32,
            penalty_ms: 0.0,
            total_ms: 0.0,
            metric: 0.0,
        });
    }
    let unhealthy =
        !all.iter().any(|one| one.verdict.is_usable()) && let_through(&mut all, segment.unhealthy);
    Assessment { all, unhealthy }
}

/// What the configuration and the question say.
fn configured(
    member: &Member,
    segment: &Segment,
    preference: Preference,
    query: &Query,
) -> Option<Verdict> {
    let allowed = |countries: &[_]| {
        countries.is_empty() || member.country.is_some_and(|country| countries.contains(&country))
    };
    if !member.group_enabled {
        Some(Verdict::GroupDisabled)
    } else if !query.groups.is_empty() && !query.groups.contains(&member.group) {
        Some(Verdict::NotAllowedByCaller)
    } else if preference.weight == 0 {
        Some(Verdict::NoWeight)
    } else if !allowed(&segment.allowed_countries) || !allowed(&query.countries) {
        Some(Verdict::Country)
    } else if !member.enabled {
        Some(Verdict::Disabled)
    } else {
        None
    }
}

/// What the connector's own state and its checks say.
fn fit(
    connector: &ConnectorNumbers,
    reading: &Reading,
    grace: Duration,
    now_ms: i64,
) -> Option<Verdict> {
    let grace = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
    let end = connector.certificate_end_ms.saturating_add(grace);
    if reading.no_address_in_family {
        Some(Verdict::DnsFamily)
    } else if now_ms >= end {
        Some(Verdict::CertificateExpired)
    } else if connector.is_spent {
        Some(Verdict::ResourcesSpent)
    } else if reading.health == Health::Down {
        Some(Verdict::Unreachable)
    } else {
        None
    }
}

/// Applies the policy for a set without a usable member. It never widens the candidates: only those
/// that are unfit by load or by their checks come back.
fn let_through(all: &mut [Assessed], policy: UnhealthyPolicy) -> bool {
    let unfit =
        |one: &Assessed| matches!(one.verdict, Verdict::ResourcesSpent | Verdict::Unreachable);
    let last_good = match policy {
        UnhealthyPolicy::Refuse => return false,
        UnhealthyPolicy::Any => None,
        UnhealthyPolicy::LastKnownGood => {
            let reached = |one: &&Assessed| unfit(one) && one.reading.milliseconds.is_some();
            let youngest = all.iter().filter(reached).map(|one| one.reading.age_ms).min();
            let Some(age) = youngest else { return false };
            Some(age)
        }
    };
    let mut any = false;
    for one in all.iter_mut().filter(|one| unfit(one)) {
        let good = one.reading.milliseconds.is_some().then_some(one.reading.age_ms);
        if last_good.is_none() || good == last_good {
            one.verdict = Verdict::RankedLower;
            any = true;
        }
    }
    any
}
