//! What connectors report, and what they are asked to probe.
//!
//! Always holds: results count the moment they arrive; only the newest stream of a connector counts;
//! results for anything that is not assigned are ignored.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use names::AppConnectorName;
use runtime::Clock;

use super::index::Index;
use crate::{
    domain::{
        probing::{
            assignment::{Assignment, ProbePace, assign},
            health::Check,
            target::Target,
        },
        reporting::{
            numbers::Presence,
            report::{AssignedLoad, Instance, Load},
        },
    },
    live::{
        connector::{ConnectorLive, StreamMark},
        slot::LegSlot,
    },
};

/// Results older than this say nothing about now.
const OLDEST_RESULT: Duration = Duration::from_secs(3_600);

/// What an installation decides about reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReportSettings {
    /// Between two heartbeats.
    pub(crate) heartbeat_period: Duration,
    /// How often and how much connectors probe.
    pub(crate) pace: ProbePace,
}

/// The result of one probe.
#[derive(Clone, Debug)]
pub(crate) struct ProbeResult {
    /// Which target, as [`target_id`] spells it.
    pub(crate) target_id: String,
    /// What came out; `None`: it was not probed.
    pub(crate) check: Option<Check>,
    /// How long ago.
    pub(crate) age: Duration,
}

/// The id of a target on the wire.
#[must_use]
pub(crate) fn target_id(target: &Target) -> String {
    format!("{}:{}:{}", target.protocol.as_str(), target.port, target.host)
}

/// One report stream. When it is dropped its connector has 5 s to come back.
#[derive(Debug)]
pub(crate) struct Session {
    index: Arc<Index>,
    settings: ReportSettings,
    clock: Clock,
    name: AppConnectorName,
    live: Arc<ConnectorLive>,
    mark: StreamMark,
    assignment: Option<Assignment>,
    slots: HashMap<String, Arc<LegSlot>>,
    version: i64,
    goodbye: bool,
}

impl Session {
    /// Opens a stream; the connector is present from now on. `None` if it is not in the configuration.
    #[must_use]
    pub(crate) fn open(
        index: Arc<Index>,
        settings: ReportSettings,
        clock: Clock,
        name: AppConnectorName,
        instance: Instance,
    ) -> Option<Self> {
        let live = index.connector(&name)?;
        let mark = live.open(instance, settings.heartbeat_period, clock.now());
        Some(Self {
            index,
            settings,
            clock,
            name,
            live,
            mark,
            assignment: None,
            slots: HashMap::new(),
            version: 0,
            goodbye: false,
        })
    }

    /// Whether a newer stream of the connector took over.
    #[must_use]
    pub(crate) fn is_superseded(&self) -> bool {
        !self.live.is_current(self.mark)
    }

    /// Whether its connector is still in the configuration.
    #[must_use]
    pub(crate) fn is_enrolled(&self) -> bool {
        self.index.connector(&self.name).is_some()
    }

    /// Whether three heartbeats were missed.
    #[must_use]
    pub(crate) fn is_silent(&self) -> bool {
        self.live.presence(self.clock.now()) != Presence::Connected
    }

    /// A sign of life, with what it says of itself.
    pub(crate) fn beat(&self, load: Option<Load>, sent: Option<Timestamp>) {
        let now = self.clock.now();
        let skew = sent.map(|sent| sent.as_millisecond() - now.as_millisecond());
        self.live.beat(self.mark, load, skew, now);
    }

    /// Results of probes; says how many counted.
    pub(crate) fn results(&self, results: Vec<ProbeResult>) -> usize {
        if self.is_superseded() {
            return 0;
        }
        let Some(assignment) = &self.assignment else { return 0 };
        let valid_for = assignment.valid_for();
        let now = self.clock.now();
        let mut counted = 0;
        for ProbeResult { target_id, check, age } in results {
            let (Some(slot), Some(check)) = (self.slots.get(&target_id), check) else { continue };
            if age <= OLDEST_RESULT {
                slot.record(check, now - age, valid_for);
                counted += 1;
            }
        }
        counted
    }

    /// The connector leaves on purpose.
    pub(crate) fn goodbye(&mut self) {
        self.goodbye = true;
    }

    /// What it is to probe, if that is not what it was last asked; with a version that counts up.
    pub(crate) fn assignment(&mut self) -> Option<(i64, &Assignment)> {
        let tenant = self.index.tenant(&self.name.tenant())?;
        let view = tenant.view();
        let now = self.clock.now();
        let in_use = view.live.in_use(now);
        let assignment = assign(&view.snapshot, &in_use, &self.name, self.settings.pace, now);
        if self.assignment.as_ref() == Some(&assignment) {
            return None;
        }
        self.slots = assignment
            .targets
            .iter()
            .map(|one| (target_id(&one.target), self.live.slot(&one.target)))
            .collect();
        self.live.assign(AssignedLoad {
            targets: assignment.targets.len(),
            budget_permille: assignment.budget_permille,
            left_out: assignment.left_out,
        });
        self.version += 1;
        Some((self.version, self.assignment.insert(assignment)))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.live.close(self.mark, self.goodbye, self.clock.now());
    }
}
