//! What one connector is to probe.
//!
//! Always holds: only targets in the families of its group; never more than the budget can do in five
//! minutes; what is in use comes first. Absent on purpose: UDP, which a connect cannot check.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use names::{AppConnectorName, ApplicationSegmentName};

use super::{demand::InUse, target::Target};
use crate::domain::{
    candidates::{
        block::{Block, Member},
        snapshot::{SegmentSnapshot, TenantSnapshot},
    },
    configuration::{Families, HealthReporting, PortRange, Protocol, Segment},
    matching::host::{Domain, Host},
};

/// Longest time between two probes of a target that still says something about now.
pub const LONGEST_PERIOD: Duration = Duration::from_secs(300);
/// When a probe without an answer has failed. A server that needs longer to accept is no use either.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Periods after which a result is too old to count.
const VALID_PERIODS: u32 = 3;

/// How often, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbePace {
    /// Wanted time between two probes of a target.
    pub period: Duration,
    /// Most probes a second and connector, at least 1.
    pub per_second: u32,
}

/// One thing to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// What.
    pub target: Target,
    /// A segment that needs it.
    pub segment: ApplicationSegmentName,
}

/// All that a connector is to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Targets in order of host and port.
    pub targets: Vec<Assigned>,
    /// Families to use.
    pub families: Families,
    /// Time between two probes of a target; longer than wanted when there are many.
    pub period: Duration,
    /// Share of the budget that the wanted period would take, in thousandths; above 1,000 the period
    /// is stretched.
    pub budget_permille: u64,
    /// Targets left out because even the longest period cannot hold them.
    pub left_out: usize,
}

impl Assignment {
    /// How long a result counts.
    #[must_use]
    pub fn valid_for(&self) -> Duration {
        self.period * VALID_PERIODS + PROBE_TIMEOUT
    }

    /// Whether there is more to probe than the budget allows.
    #[must_use]
    pub fn exceeds_budget(&self) -> bool {
        self.left_out > 0
    }
}

/// Works out what a connector is to probe now, of what its tenant has `in_use`.
#[must_use]
pub fn assign(
    snapshot: &TenantSnapshot,
    in_use: &[InUse],
    connector: &AppConnectorName,
    pace: ProbePace,
    now: Timestamp,
) -> Assignment {
    let mut wanted: BTreeMap<Target, (i64, ApplicationSegmentName)> = BTreeMap::new();
    let mut families = Families::default();
    let mut add = |target: Target, used_ms: i64, segment: &SegmentSnapshot| {
        let entry = wanted.entry(target).or_insert_with(|| (used_ms, segment.name.clone()));
        entry.0 = entry.0.max(used_ms);
    };
    for segment in &snapshot.segments {
        let Some((block, member)) = membership(snapshot, segment, connector) else { continue };
        families = member.families;
        let mut add_all = |host, port, used_ms| {
            let of_port = block.targets(member, host, port, Protocol::Tcp);
            let usable = of_port.filter(|target| member.families.allow(&target.host));
            usable.for_each(|target| add(target, used_ms, segment));
        };
        match segment.config.health_reporting {
            HealthReporting::None => {}
            HealthReporting::Continuous => {
                for (host, port) in declared(&segment.config) {
                    add_all(host, port, now.as_millisecond());
                }
            }
            HealthReporting::OnAccess => {
                let id = &segment.name.application_segment;
                let of_segment = in_use.iter().filter(|InUse { access, .. }| {
                    access.segment == *id && access.protocol == Protocol::Tcp
                });
                for InUse { access, last_ms } in of_segment {
                    add_all(&access.host, access.port, *last_ms);
                }
            }
        }
    }
    within_budget(wanted, families, pace)
}

/// The connector's place in a segment that it may serve.
fn membership<'a>(
    snapshot: &'a TenantSnapshot,
    segment: &SegmentSnapshot,
    connector: &AppConnectorName,
) -> Option<(&'a Block, &'a Member)> {
    if !segment.config.enabled {
        return None;
    }
    let block = snapshot.block(segment)?;
    let position = block.members.binary_search_by(|member| member.name.cmp(connector)).ok()?;
    let member = &block.members[position];
    let serves = member.enabled
        && member.group_enabled
        && segment.config.preference(&member.group).weight > 0;
    serves.then_some((block, member))
}

/// Hosts and TCP ports that a segment names exactly.
fn declared(segment: &Segment) -> impl Iterator<Item = (&Host, u16)> {
    let hosts = segment.domains.iter().filter_map(|domain| match domain {
        Domain::Host(host) => Some(host),
        Domain::Below(_) | Domain::Network(_) => None,
    });
    hosts.flat_map(|host| {
        let ports = segment.tcp.iter().flat_map(|PortRange { first, last }| *first..=*last);
        ports.map(move |port| (host, port))
    })
}

fn within_budget(
    wanted: BTreeMap<Target, (i64, ApplicationSegmentName)>,
    families: Families,
    pace: ProbePace,
) -> Assignment {
    let per_second = u64::from(pace.per_second.max(1));
    let capacity = usize::try_from(per_second * LONGEST_PERIOD.as_secs()).unwrap_or(usize::MAX);
    let count = wanted.len();
    let mut kept: Vec<_> = wanted.into_iter().collect();
    if count > capacity {
        kept.sort_by_key(|(_, (used_ms, _))| std::cmp::Reverse(*used_ms));
        kept.truncate(capacity);
        kept.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let needed = Duration::from_millis(kept.len() as u64 * 1_000 / per_second);
    let period_ms = u64::try_from(pace.period.as_millis().max(1)).unwrap_or(u64::MAX);
    Assignment {
        period: pace.period.max(needed),
        budget_permille: (count as u64).saturating_mul(1_000_000) / (per_second * period_ms),
        left_out: count - kept.len(),
        targets: kept
            .into_iter()
            .map(|(target, (_, segment))| Assigned { target, segment })
            .collect(),
        families,
    }
}
