//! From a question to candidates in order, or the reason why there are none.
//!
//! Always holds: the same question, snapshot, reports and moment give the same answer; nothing is
//! changed here. What the answer implies (a grant, a use, a spill) is returned for the caller to note.

use std::{sync::Arc, time::Duration};

use names::{AppConnectorGroupName, AppConnectorName, ApplicationSegmentName};

use crate::domain::{
    candidates::{
        assess::{Assessed, Assessment, assess},
        snapshot::{Block, SegmentSnapshot, TenantSnapshot},
        verdict::{Reason, Verdict},
    },
    choice::{
        hysteresis::{self, Choice, Hold, Pull},
        priority::{self, Serving},
        sharing, spread,
    },
    cost::score::score,
    matching::{host::Domain, matcher::Search},
    probing::health::Health,
    question::{
        asked::Asked,
        location::{ClientLocation, LocationSource},
        query::Query,
    },
};

/// Shortest life of an answer with a path, milliseconds, and how much the jitter adds at most.
const TTL_MS: u64 = 30_000;
const TTL_JITTER_MS: u64 = 30_000;
/// Life of an answer without a path: the chain may be mended any moment.
const TTL_WITHOUT_PATH: Duration = Duration::from_secs(5);
/// Most candidates that are put in order for a selection; Explain orders all.
const ORDERED: usize = 64;

/// How much an answer rests on full knowledge, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Degradation {
    /// On all of it.
    None,
    /// Something was estimated or assumed that is known when all is well.
    Reduced,
    /// The configuration may have changed since.
    StaleConfiguration,
    /// A policy let an unhealthy candidate through.
    Unhealthy,
}

/// One connector in an answer.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name.
    pub connector: AppConnectorName,
    /// Its group.
    pub group: AppConnectorGroupName,
    /// What fails together with it.
    pub failure_domain: Arc<str>,
    /// Its numbers and verdict.
    pub assessed: Assessed,
}

/// Candidates in order, and what the choice implies.
#[derive(Clone, Debug)]
pub struct Path {
    /// Best first, at least one.
    pub ranked: Vec<Candidate>,
    /// The earlier choice was kept although another is slightly better.
    pub kept_previous: bool,
    /// Whether the first candidate is another than before: to be counted as a grant.
    pub is_new: bool,
    /// What to remember for the client.
    pub hold: Hold,
    /// How much it rests on full knowledge.
    pub degradation: Degradation,
}

/// The answer to one question.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Candidates, or the first broken link of the chain.
    pub outcome: Result<Path, Reason>,
    /// The segment that matched.
    pub segment: Option<ApplicationSegmentName>,
    /// Its domain that matched.
    pub domain: Option<Domain>,
    /// Segments that name the host and not the port.
    pub passed_over: Vec<ApplicationSegmentName>,
    /// The place used for the client.
    pub location: ClientLocation,
    /// Every connector of the chain. Only for Explain.
    pub considered: Vec<Candidate>,
    /// How long the answer may be used.
    pub ttl: Duration,
    /// What fell below half, to be noted.
    pub serving: Option<Serving>,
    /// The application was not in use before this question: its probes must begin.
    pub begins_use: bool,
}

/// How much of an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The candidates.
    Select,
    /// All that was considered.
    Explain,
}

/// Answers one question.
#[must_use]
pub fn select(tenant: &TenantSnapshot, asked: &Asked<'_>, depth: Depth) -> Answer {
    let Asked { query, location, .. } = asked;
    let mut answer = Answer::without(Reason::TenantSuspended, *location);
    if tenant.suspended {
        return answer;
    }
    let Search { found, passed_over } =
        tenant.matcher.search(&query.host, query.protocol, query.port);
    let name_of = |position: u32| tenant.segment(position).map(|segment| segment.name.clone());
    answer.passed_over = passed_over.into_iter().filter_map(name_of).collect();
    let found = match found {
        Ok(found) => found,
        Err(miss) => {
            answer.segment = miss.at.as_ref().and_then(|at| name_of(at.segment));
            answer.domain = miss.at.map(|at| at.domain);
            answer.outcome = Err(miss.reason);
            return answer;
        }
    };
    let Some(segment) = tenant.segment(found.segment) else { return answer };
    answer.segment = Some(segment.name.clone());
    answer.domain = Some(found.domain);
    match &segment.chain {
        Err(broken) => answer.outcome = Err(*broken),
        Ok(block) => {
            let ask = Ask { tenant, segment, block, asked, depth };
            ask.answer(&mut answer);
        }
    }
    answer
}

impl Answer {
    /// An answer that is no path.
    #[must_use]
    pub fn without(reason: Reason, location: ClientLocation) -> Self {
        Self {
            outcome: Err(reason),
            segment: None,
            domain: None,
            passed_over: Vec::new(),
            location,
            considered: Vec::new(),
            ttl: TTL_WITHOUT_PATH,
            serving: None,
            begins_use: false,
        }
    }

    /// The word for the answer: why there is no path, or what makes it less good.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match &self.outcome {
            Err(reason) => Some(*reason),
            Ok(_) if self.location.source == LocationSource::Unknown => {
                Some(Reason::ClientLocationUnknown)
            }
            Ok(_) => None,
        }
    }
}

/// A question whose segment and candidates are known.
struct Ask<'a> {
    tenant: &'a TenantSnapshot,
    segment: &'a SegmentSnapshot,
    block: &'a Block,
    asked: &'a Asked<'a>,
    depth: Depth,
}

impl Ask<'_> {
    fn answer(&self, answer: &mut Answer) {
        let Query { host, port, protocol, .. } = self.asked.query;
        let board = self.segment.board(self.block, host, *port, *protocol, &self.tenant.live);
        if self.depth == Depth::Select
            && let Some(demand) = &board.demand
        {
            answer.begins_use = demand.touch(self.asked.moment.now);
            if answer.begins_use {
                let access = self.segment.access(host, *port, *protocol);
                self.tenant.live.revive(access, demand.clone());
            }
        }
        let config = &self.segment.config;
        let Assessment { mut all, unhealthy } =
            assess(self.block, &board, config, self.asked.query, self.asked.moment);
        score(self.block, self.asked.location.coordinates, config.policy, &mut all);
        let now_ms = self.asked.moment.now.as_millisecond();
        let serving = priority::serving(&all, &self.segment.live, now_ms);
        for one in &mut all {
            if one.verdict.is_usable() && one.preference.priority > serving.up_to {
                one.verdict = Verdict::LowerPriority;
            }
        }
        answer.serving = Some(serving);
        let sorted = self.sorted(&all);
        answer.outcome = match sorted.is_empty() {
            true => Err(self.broken_link(&all)),
            false => Ok(self.path(&sorted, unhealthy)),
        };
        if answer.outcome.is_ok() {
            answer.ttl =
                Duration::from_millis(TTL_MS + self.asked.moment.seed % (TTL_JITTER_MS + 1));
        }
        if self.depth == Depth::Explain {
            answer.considered = self.considered(&all, &answer.outcome);
        }
    }

    /// Those that can serve, best first.
    fn sorted<'s>(&self, all: &'s [Assessed]) -> Vec<&'s Assessed> {
        let serves = |one: &&Assessed| one.verdict == Verdict::RankedLower;
        let mut keys: Vec<u128> = all.iter().filter(serves).map(order_key).collect();
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
        keys.into_iter().filter_map(|key| all.get(key as u32 as usize)).collect()
    }

    /// The earlier choice, if it is about this question and can serve.
    fn held<'s>(&self, mut serving: impl Iterator<Item = &'s Assessed>) -> Option<&'s Assessed> {
        let hold = self.counting_hold()?;
        let is_held =
            |one: &&Assessed| self.block.members[one.member as usize].name == hold.connector;
        serving.find(is_held)
    }

    fn counting_hold(&self) -> Option<&Hold> {
        self.asked.previous.filter(|hold| {
            hysteresis::counts(
                hold,
                &self.segment.name,
                self.asked.query,
                &self.asked.location,
                self.asked.moment.now,
            )
        })
    }

    fn path(&self, sorted: &[&Assessed], unhealthy: bool) -> Path {
        let location = &self.asked.location;
        let held = self.held(sorted.iter().copied());
        let pull = match (self.counting_hold(), held) {
            (Some(hold), Some(held)) => {
                hysteresis::pull(hold, held, sorted[0], &self.segment.config, self.asked.moment.now)
            }
            _ => Pull::None,
        };
        let first = match (pull, held) {
            (Pull::Keeps, Some(held)) => {
                sorted.iter().position(|one| one.member == held.member).unwrap_or(0)
            }
            _ => sharing::choose(
                self.block,
                sorted,
                location.radius_km,
                || self.client(),
                self.asked.moment,
            ),
        };
        let kept = pull == Pull::Keeps && first > 0;
        let ranked = spread::rank(self.block, sorted, first, self.asked.query.limit);
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
            query: self.asked.query,
            location,
            measured: ranked[0].assessed.measured,
        };
        Path {
            is_new: self.asked.previous.is_none_or(|hold| hold.connector != chosen.connector),
            hold: hysteresis::renew(self.asked.previous, pull, chosen, self.asked.moment.now),
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

    /// The first link at which nobody is left: that of the connector that came furthest.
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
    fn considered(&self, all: &[Assessed], outcome: &Result<Path, Reason>) -> Vec<Candidate> {
        let ranked = outcome.as_ref().map_or(&[][..], |path| &path.ranked);
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
