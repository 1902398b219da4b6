//! What the fleet looks like now.

use std::sync::Arc;

use jiff::Timestamp;
use names::{AppConnectorGroupName, AppConnectorName, Id, TenantName};
use rpc::access::{Authorised, Scope};

use super::index::Index;
use crate::{
    domain::{
        probing::{
            health::{Checks, Health},
            reading::Reading,
            target::Target,
        },
        reporting::{numbers::Presence, report::Report},
    },
    error::Error,
    live::connector::ConnectorLive,
};

/// Most targets shown for one connector.
pub(crate) const MAX_TARGETS: usize = 1_000;
/// Clock skew from which on an operator should know, milliseconds.
const CLOCK_SKEW_MS: i64 = 5 * 60 * 1_000;
/// A certificate that ends sooner was not renewed at two thirds of its seven days, milliseconds.
const CERTIFICATE_EXPIRING_MS: i64 = 56 * 3_600 * 1_000;
/// Share of memory, descriptors or sessions from which on resources are low.
const LOW_SHARE: f64 = 0.9;
/// Free disk space below which resources are low, bytes.
const LOW_DISK_BYTES: u64 = 100 * 1024 * 1024;

/// One connector.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    /// Its name.
    pub(crate) name: AppConnectorName,
    /// Its group.
    pub(crate) group: AppConnectorGroupName,
    /// Whether it can serve.
    pub(crate) presence: Presence,
    /// Its last report.
    pub(crate) report: Report,
    /// When it last gave a sign of life.
    pub(crate) last_beat: Option<Timestamp>,
    /// Selections since its last load.
    pub(crate) grants: u32,
    /// Its targets, if they were asked for.
    pub(crate) targets: Vec<TargetStatus>,
    /// How many targets are up.
    pub(crate) up: usize,
    /// How many are down.
    pub(crate) down: usize,
    /// What an operator should know.
    pub(crate) conditions: Vec<Condition>,
}

/// One target of one connector.
#[derive(Clone, Debug)]
pub(crate) struct TargetStatus {
    /// What.
    pub(crate) target: Target,
    /// What it says now.
    pub(crate) reading: Reading,
    /// The checks behind it.
    pub(crate) checks: Checks,
}

/// Something an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Stable word.
    pub(crate) reason: &'static str,
    /// Since when.
    pub(crate) since: Option<Timestamp>,
    /// What is wrong and how to mend it.
    pub(crate) message: String,
}

/// Where a page of statuses begins and what it is about.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    /// Which tenants.
    pub(crate) scope: Authorised<Scope>,
    /// Only this group.
    pub(crate) group: Option<AppConnectorGroupName>,
    /// After this connector.
    pub(crate) after: Option<AppConnectorName>,
    /// At most this many.
    pub(crate) size: usize,
}

/// Reads the fleet.
#[derive(Clone, Debug)]
pub(crate) struct Statuses {
    index: Arc<Index>,
}

impl Statuses {
    /// Over the index.
    #[must_use]
    pub(crate) fn new(index: Arc<Index>) -> Self {
        Self { index }
    }

    /// One connector, with its targets.
    ///
    /// # Errors
    /// It is not known, or nothing is loaded yet.
    pub(crate) fn get(
        &self,
        tenant: &Authorised<TenantName>,
        connector: &Id,
        now: Timestamp,
    ) -> Result<Status, Error> {
        let name = AppConnectorName::new(tenant.id().clone(), connector.clone());
        self.read(name, now, true)
    }

    /// Several connectors of a scope, without targets.
    ///
    /// # Errors
    /// The first that is not known, or lies outside the scope.
    pub(crate) fn batch_get(
        &self,
        scope: &Authorised<Scope>,
        names: Vec<AppConnectorName>,
        now: Timestamp,
    ) -> Result<Vec<Status>, Error> {
        let within = |name: AppConnectorName| match &**scope {
            Scope::Tenant(tenant) if name.tenant() != *tenant => {
                Err(Error::AppConnectorNotFound(name))
            }
            _ => self.read(name, now, false),
        };
        names.into_iter().map(within).collect()
    }

    fn read(&self, name: AppConnectorName, now: Timestamp, detail: bool) -> Result<Status, Error> {
        if !self.index.is_ready() {
            return Err(Error::SnapshotNotReady);
        }
        let not_found = || Error::AppConnectorNotFound(name.clone());
        let tenant = self.index.tenant(&name.tenant()).ok_or_else(not_found)?;
        let view = tenant.view();
        let enrolled = view.connectors.get(&name.app_connector).ok_or_else(not_found)?;
        Ok(status(name, &enrolled.group, &enrolled.live, now, detail))
    }

    /// A page in the order of names, and whether there is more.
    ///
    /// # Errors
    /// Nothing is loaded yet.
    pub(crate) fn list(
        &self,
        listing: &Listing,
        now: Timestamp,
    ) -> Result<(Vec<Status>, bool), Error> {
        if !self.index.is_ready() {
            return Err(Error::SnapshotNotReady);
        }
        let mut page = Vec::new();
        for (tenant, known) in self.index.tenants() {
            let in_scope = match &*listing.scope {
                Scope::All => true,
                Scope::Tenant(one) => *one == tenant,
            };
            let passed = listing.after.as_ref().is_some_and(|after| after.tenant() > tenant);
            if !in_scope || passed {
                continue;
            }
            let view = known.view();
            for (id, enrolled) in &view.connectors {
                let name = AppConnectorName::new(tenant.id().clone(), id.clone());
                let group = AppConnectorGroupName::new(tenant.id().clone(), enrolled.group.clone());
                if listing.after.as_ref().is_some_and(|after| name <= *after)
                    || listing.group.as_ref().is_some_and(|wanted| *wanted != group)
                {
                    continue;
                }
                if page.len() == listing.size {
                    return Ok((page, true));
                }
                page.push(status(name, &enrolled.group, &enrolled.live, now, false));
            }
        }
        Ok((page, false))
    }
}

fn status(
    name: AppConnectorName,
    group: &Id,
    live: &ConnectorLive,
    now: Timestamp,
    detail: bool,
) -> Status {
    let (mut up, mut down) = (0, 0);
    let mut targets = Vec::new();
    for (target, slot) in live.targets() {
        let reading = slot.read(now);
        up += usize::from(reading.health == Health::Up);
        down += usize::from(reading.health == Health::Down);
        if detail && targets.len() < MAX_TARGETS {
            targets.push(TargetStatus { target, reading, checks: slot.checks() });
        }
    }
    let report = live.report();
    let numbers = live.numbers();
    let presence = numbers.presence(now.as_millisecond());
    let last_beat = numbers.last_beat_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Status {
        group: AppConnectorGroupName::new(name.tenant.clone(), group.clone()),
        name,
        presence,
        conditions: conditions(presence, &report, last_beat, now),
        report,
        last_beat,
        grants: numbers.grants,
        targets,
        up,
        down,
    }
}

fn conditions(
    presence: Presence,
    report: &Report,
    last_beat: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Condition> {
    let mut found = Vec::new();
    let mut add = |reason, since, message: String| found.push(Condition { reason, since, message });
    match presence {
        Presence::NotSeen => return found,
        Presence::Disconnected { since_ms } => {
            let since = Timestamp::from_millisecond(since_ms).ok();
            let message =
                "It does not report. Look whether its host runs and reaches this service.";
            add("DISCONNECTED", since, message.to_owned());
        }
        Presence::Connected => {}
    }
    if let Some(skew) = report.clock_skew_ms.filter(|skew| skew.abs() > CLOCK_SKEW_MS) {
        let seconds = skew / 1_000;
        let message =
            format!("Its clock is {seconds} s off. Set up time synchronisation on its host.");
        add("CLOCK_SKEW", last_beat, message);
    }
    let left =
        report.instance.certificate_end.map(|end| end.as_millisecond() - now.as_millisecond());
    if let Some(left) = left.filter(|left| *left < CERTIFICATE_EXPIRING_MS) {
        let hours = left.abs() / 3_600_000;
        let message = if left > 0 {
            format!(
                "Its certificate ends in {hours} h and was not renewed. Look whether it reaches provisioning."
            )
        } else {
            format!(
                "Its certificate ended {hours} h ago; it counts only while provisioning cannot be reached. Bring provisioning back."
            )
        };
        add("CERTIFICATE_EXPIRING", last_beat, message);
    }
    if let Some(what) = low_resource(report) {
        let message =
            format!("Its host runs out of {what}. Give it more, or add a connector to the group.");
        add("LOW_RESOURCES", last_beat, message);
    }
    if report.assigned.left_out > 0 {
        let left_out = report.assigned.left_out;
        let message = format!(
            "{left_out} targets are not probed: even once in 5 min they exceed its budget. Narrow the segments of its group, or split the group."
        );
        add("PROBE_BUDGET_EXCEEDED", last_beat, message);
    }
    found
}

fn low_resource(report: &Report) -> Option<&'static str> {
    let load = &report.load;
    let share =
        |used: u32, limit: u32| limit > 0 && f64::from(used) >= LOW_SHARE * f64::from(limit);
    if load.memory >= LOW_SHARE {
        Some("memory")
    } else if share(load.descriptors, load.descriptor_limit) {
        Some("file descriptors")
    } else if share(load.sessions, load.session_limit) {
        Some("sessions")
    } else if (1..LOW_DISK_BYTES).contains(&load.disk_free_bytes) {
        Some("disk space")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        reporting::report::{AssignedLoad, Instance, Load},
        testing::at_ms,
    };

    fn found(report: &Report) -> Vec<(&'static str, String)> {
        let conditions = conditions(Presence::Connected, report, Some(at_ms(0)), at_ms(0));
        conditions.into_iter().map(|condition| (condition.reason, condition.message)).collect()
    }

    #[test]
    fn a_healthy_connector_has_no_condition_and_one_that_never_came_neither() {
        let end = Some(at_ms(7 * 24 * 3_600 * 1_000));
        let instance = Instance { certificate_end: end, ..Instance::default() };
        assert!(found(&Report { instance, ..Report::default() }).is_empty());
        let unseen = conditions(Presence::NotSeen, &Report::default(), None, at_ms(0));
        assert!(unseen.is_empty());
    }

    #[test]
    fn each_condition_names_its_number() {
        let hour = 3_600 * 1_000;
        let report = Report {
            instance: Instance { certificate_end: Some(at_ms(10 * hour)), ..Instance::default() },
            load: Load { descriptors: 95, descriptor_limit: 100, ..Load::default() },
            clock_skew_ms: Some(-400_000),
            assigned: AssignedLoad { left_out: 7, ..AssignedLoad::default() },
            ..Report::default()
        };
        let found = found(&report);
        for (n, (reason, part)) in [
            ("CLOCK_SKEW", "-400 s"),
            ("CERTIFICATE_EXPIRING", "ends in 10 h"),
            ("LOW_RESOURCES", "file descriptors"),
            ("PROBE_BUDGET_EXCEEDED", "7 targets"),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(found[n].0, reason);
            assert!(found[n].1.contains(part), "{}", found[n].1);
        }
    }

    #[test]
    fn a_certificate_that_has_ended_is_labelled() {
        let end = Some(at_ms(-3 * 3_600 * 1_000));
        let instance = Instance { certificate_end: end, ..Instance::default() };
        let found = found(&Report { instance, ..Report::default() });
        assert!(found[0].1.contains("ended 3 h ago"), "{}", found[0].1);
    }
}
