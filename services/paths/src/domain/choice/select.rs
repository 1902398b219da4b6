//! From a question to candidates in order, or the reason why there are none.
//!
//! Always holds: the same question, snapshot, observations and moment give the same answer, and nothing is changed
//! here, at whatever depth. What an answer implies is part of it ([`Effects`]), for the caller to apply.
//!
//! ## Design notes
//! Two steps, since only the first shows whose numbers the second needs: [`find`] leads from the question to a segment
//! and its candidates, [`Found::choose`] is given what is known of each of them. Between the two the caller looks that up,
//! wherever it is kept.

use std::{ops::ControlFlow, time::Duration};

use names::{AppConnectorGroupName, ApplicationSegmentName};

use super::{
    answer::{Answer, Candidate, Degradation, Effects, Path, TTL_WITHOUT_PATH},
    hysteresis::{self, Choice, Hold, Pull},
    priority::{self, Spill},
    sharing, spread,
};
use crate::domain::{
    candidates::{
        assess::{Assessed, Assessment, assess},
        block::Block,
        observed::Observed,
        snapshot::{SegmentSnapshot, TenantSnapshot},
        verdict::{Reason, Verdict},
    },
    cost::score::score,
    matching::{
        host::Domain,
        matcher::{Match, Miss, Search},
    },
    probing::health::Health,
    question::{asked::Asked, location::LocationSource},
};

/// Shortest life of an answer with a path, milliseconds, and how much the jitter adds at most.
const TTL_MS: u64 = 30_000;
const TTL_JITTER_MS: u64 = 30_000;
/// Most candidates that are put in order for a selection; Explain orders all.
const ORDERED: usize = 64;

/// How much of an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The candidates.
    Select,
    /// All that was considered.
    Explain,
}

/// A question that leads to candidates.
#[derive(Debug)]
pub struct Found<'a> {
    /// Position of the segment.
    pub position: u32,
    /// The segment.
    pub segment: &'a SegmentSnapshot,
    /// Its candidates.
    pub block: &'a Block,
    tenant: &'a TenantSnapshot,
    domain: Domain,
    passed_over: Vec<ApplicationSegmentName>,
}

/// Finds the candidates for a question; breaks with the answer if there are none.
pub fn find<'a>(tenant: &'a TenantSnapshot, asked: &Asked<'_>) -> ControlFlow<Answer, Found<'a>> {
    let (query, without) = (asked.query, |reason| Answer::without(reason, asked.location));
    if tenant.suspended {
        return ControlFlow::Break(without(Reason::TenantSuspended));
    }
    let Search { found, passed_over } =
        tenant.matcher.search(&query.host, query.protocol, query.port);
    let name_of = |position: u32| tenant.segment(position).map(|segment| segment.name.clone());
    let passed_over = passed_over.into_iter().filter_map(name_of).collect();
    let (reason, at) = match found {
        Err(Miss { reason, at }) => (reason, at),
        Ok(Match { segment: position, domain }) => match tenant.candidates(position) {
            Ok((segment, block)) => {
                let found = Found { position, segment, block, tenant, domain, passed_over };
                return ControlFlow::Continue(found);
            }
            Err(broken) => (broken, Some(Match { segment: position, domain })),
        },
    };
    ControlFlow::Break(Answer {
        segment: at.as_ref().and_then(|at| name_of(at.segment)),
        domain: at.map(|at| at.domain),
        passed_over,
        ..without(reason)
    })
}

impl Found<'_> {
    /// Chooses among the candidates. `observed` has one entry a member, in the order of the block; `spill` is what the
    /// segment remembers.
    #[must_use]
    pub fn choose(
        self,
        asked: &Asked<'_>,
        observed: impl Iterator<Item = Observed>,
        spill: &Spill,
        depth: Depth,
    ) -> Answer {
        let Found { position, segment, block, tenant, domain, passed_over } = self;
        let Asked { query, location, previous, moment } = *asked;
        let counts =
            |hold: &&Hold| hysteresis::counts(hold, &segment.name, query, &location, moment.now);
        let hold = previous.filter(counts);
        let choosing = Choosing { tenant, segment, block, asked, hold, depth };
        let Assessment { mut all, unhealthy } =
            assess(block, observed, &segment.config, query, moment);
        score(block, location.coordinates, segment.config.policy, &mut all);
        let serving = priority::serving(&all, spill, moment.now.as_millisecond());
        for one in &mut all {
            if one.verdict.is_usable() && one.preference.priority > serving.up_to {
                one.verdict = Verdict::LowerPriority;
            }
        }
        let outcome = choosing.outcome(&all, unhealthy);
        let path = outcome.as_ref().ok();
        let new = path.filter(|path| path.is_new);
        let grant = new.map(|path| path.ranked[0].assessed.member);
        Answer {
            ttl: path.map_or(TTL_WITHOUT_PATH, |_| {
                Duration::from_millis(TTL_MS + moment.seed % (TTL_JITTER_MS + 1))
            }),
            considered: match depth {
                Depth::Explain => choosing.considered(&all, path),
                Depth::Select => Vec::new(),
            },
            segment: Some(segment.name.clone()),
            domain: Some(domain),
            passed_over,
            location,
            effects: Some(Effects { segment: position, grant, fallen: serving.fallen }),
            outcome,
        }
    }
}

/// A choice under way.
struct Choosing<'a> {
    tenant: &'a TenantSnapshot,
    segment: &'a SegmentSnapshot,
    block: &'a Block,
    asked: &'a Asked<'a>,
    /// The earlier choice, if it is about this question.
    hold: Option<&'a Hold>,
    depth: Depth,
}

impl Choosing<'_> {
    fn outcome(&self, all: &[Assessed], unhealthy: bool) -> Result<Path, Reason> {
        let sorted = self.sorted(all);
        match sorted.is_empty() {
            true => Err(self.broken_link(all)),
            false => Ok(self.path(&sorted, unhealthy)),
        }
    }

    /// Those that can serve, best first.
    fn sorted<'s>(&self, all: &'s [Assessed]) -> Vec<&'s Assessed> {
        let serves = |one: &&Assessed| one.verdict == Verdict::RankedLower;
        let mut keys = Vec::with_capacity(all.len().min(ORDERED));
        keys.extend(all.iter().filter(serves).map(order_key));
        let mut held = None;
        if keys.len() > ORDERED && self.depth == Depth::Select {
            held = self.held(all.iter().filter(serves)).map(order_key);
            keys.select_nth_unstable(ORDERED);
            keys.truncate(ORDERED);
        }
        if let Some(held) = held.filter(|held| !keys.contains(held)) {
            keys.push(held);
        }
        keys.sort_unstable();
        // The lowest 32 bits are the position.
        let mut sorted = Vec::with_capacity(keys.len());
        sorted.extend(keys.iter().filter_map(|key| all.get(*key as u32 as usize)));
        sorted
    }

    /// The connector of the earlier choice, if it can serve.
    fn held<'s>(&self, mut serving: impl Iterator<Item = &'s Assessed>) -> Option<&'s Assessed> {
        let hold = self.hold?;
        let is_held =
            |one: &&Assessed| self.block.members[one.member as usize].name == hold.connector;
        serving.find(is_held)
    }

    fn path(&self, sorted: &[&Assessed], unhealthy: bool) -> Path {
        let Asked { query, location, previous, moment } = self.asked;
        let held = self.held(sorted.iter().copied());
        let pull = match (self.hold, held) {
            (Some(hold), Some(held)) => {
                hysteresis::pull(hold, held, sorted[0], &self.segment.config, moment.now)
            }
            _ => Pull::None,
        };
        let first = match (pull, held) {
            (Pull::Keeps, Some(held)) => {
                sorted.iter().position(|one| one.member == held.member).unwrap_or(0)
            }
            _ => sharing::choose(self.block, sorted, location.radius_km, || self.client(), moment),
        };
        let kept = pull == Pull::Keeps && first > 0;
        let ranked = spread::rank(self.block, sorted, first, query.limit);
        let mut ranked: Vec<Candidate> = ranked.iter().map(|one| self.candidate(one)).collect();
        for candidate in &mut ranked {
            candidate.assessed.verdict = Verdict::Selected;
        }
        if kept {
            ranked[0].assessed.verdict = Verdict::KeptPrevious;
        }
        let chosen = Choice {
            connector: ranked[0].connector.clone(),
            segment: self.segment.name.clone(),
            query,
            location,
            measured: ranked[0].assessed.measured,
        };
        Path {
            is_new: previous.is_none_or(|hold| hold.connector != chosen.connector),
            hold: hysteresis::renew(*previous, pull, chosen, moment.now),
            kept_previous: kept,
            degradation: self.degradation(&ranked[0].assessed, unhealthy),
            ranked,
        }
    }

    /// What spreads clients: the client's key and the application.
    fn client(&self) -> Vec<u8> {
        let segment = self.segment.name.application_segment.as_str().as_bytes();
        let tenant = self.tenant.tenant.id().as_str().as_bytes();
        [tenant, b"/", segment, b"/", self.asked.query.client_key.as_bytes()].concat()
    }

    fn degradation(&self, first: &Assessed, unhealthy: bool) -> Degradation {
        if unhealthy {
            Degradation::Unhealthy
        } else if self.asked.moment.stale_configuration {
            Degradation::StaleConfiguration
        } else if self.asked.location.source == LocationSource::Unknown
            || !first.measured
            || first.tier() != Health::Up
        {
            Degradation::Reduced
        } else {
            Degradation::None
        }
    }

    /// The first link of the chain at which no candidate is left: that of the connector that came furthest.
    fn broken_link(&self, all: &[Assessed]) -> Reason {
        let Some(furthest) = all.iter().map(|one| one.verdict).max() else {
            return if self.block.any_group_enabled {
                Reason::NoConnectedConnector
            } else {
                Reason::AppConnectorGroupDisabled
            };
        };
        let unfit = |one: &&Assessed| one.verdict >= Verdict::CertificateExpired;
        let one_cause = all.iter().filter(unfit).all(|one| one.verdict == furthest);
        if furthest >= Verdict::CertificateExpired && !one_cause {
            return Reason::AllUnhealthy;
        }
        furthest.broken_link()
    }

    fn candidate(&self, assessed: &Assessed) -> Candidate {
        let member = &self.block.members[assessed.member as usize];
        Candidate {
            connector: member.name.clone(),
            group: AppConnectorGroupName::new(
                self.tenant.tenant.id().clone(),
                member.group.clone(),
            ),
            failure_domain: member.failure_domain.clone(),
            assessed: *assessed,
        }
    }

    /// Everything considered: the ranked ones, then those that can serve by their numbers, then the rest.
    fn considered(&self, all: &[Assessed], path: Option<&Path>) -> Vec<Candidate> {
        let ranked = path.map_or(&[][..], |path| &path.ranked);
        let is_ranked =
            |one: &Assessed| ranked.iter().any(|ranked| ranked.assessed.member == one.member);
        let mut rest: Vec<Assessed> = all.iter().filter(|one| !is_ranked(one)).copied().collect();
        rest.sort_by(|a, b| b.verdict.cmp(&a.verdict).then_with(|| order(a, b)));
        ranked.iter().cloned().chain(rest.iter().map(|one| self.candidate(one))).collect()
    }
}

/// [`order`] as a number, the position in its lowest 32 bits: numbers that are not negative sort as their
/// bits do, and one comparison of integers is what makes sorting cheap.
fn order_key(one: &Assessed) -> u128 {
    let bits = |ms: f32| u128::from(ms.max(0.0).to_bits());
    let tier = u128::from(one.tier() as u8);
    (tier << 96) | (bits(one.metric) << 64) | (bits(one.total_ms) << 32) | u128::from(one.member)
}

/// UP before UNKNOWN; then what the policy compares; then the sum; then the name, by position.
fn order(a: &Assessed, b: &Assessed) -> std::cmp::Ordering {
    a.tier()
        .cmp(&b.tier())
        .then_with(|| a.metric.total_cmp(&b.metric))
        .then_with(|| a.total_ms.total_cmp(&b.total_ms))
        .then_with(|| a.member.cmp(&b.member))
}
