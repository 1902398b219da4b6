//! One tenant's configuration joined with its live state: where questions are answered.
//!
//! Always holds: [`answer`](TenantView::answer) changes nothing. What an answer implies (a use of the application, a
//! grant of a connector, a fall of a priority) is written by [`apply`](TenantView::apply), and so is everything that is
//! kept for later questions: one that is only explained neither occupies memory nor makes connectors probe.
//!
//! ## Design notes
//! Live state is held by position beside the snapshot's own arrays, so that the selector's loop looks nothing up. The
//! first question for a host and port builds its board twice: once to answer from what is there, once, when the answer
//! is applied, with slots that will be written to.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use jiff::Timestamp;
use names::{AppConnectorName, Id, TenantName};

use super::{
    board::Board,
    boards::{Boards, KeptBoard},
    connector::ConnectorLive,
    fleet::Fleet,
    memory::SegmentMemory,
    slot::LegSlot,
    tenant::{LastAccess, TenantLive},
};
use crate::domain::{
    candidates::{
        block::Block,
        snapshot::{SegmentSnapshot, TenantSnapshot},
    },
    choice::{
        answer::{Answer, Effects},
        select::{Depth, find},
    },
    configuration::{Connector, HealthReporting, TenantConfiguration},
    probing::target::Target,
    question::{asked::Asked, query::Query},
};

/// One tenant, ready to answer.
#[derive(Debug)]
pub struct TenantView {
    /// The configuration, compiled.
    pub snapshot: TenantSnapshot,
    /// What users ask for, and what segments remember; outlives the snapshot.
    pub live: Arc<TenantLive>,
    /// Every connector of the tenant, also those that serve nothing.
    pub connectors: BTreeMap<Id, Enrolled>,
    /// By the position of the segment in the snapshot.
    segments: Vec<SegmentView>,
    /// By the position of the block in the snapshot, one entry a member.
    candidates: Vec<Vec<Arc<ConnectorLive>>>,
}

/// A connector of the configuration.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// Its group.
    pub group: Id,
    /// What it reports.
    pub live: Arc<ConnectorLive>,
}

#[derive(Debug)]
struct SegmentView {
    memory: Arc<SegmentMemory>,
    boards: Boards,
}

/// An answer of a view whose effects are not applied yet.
#[derive(Debug)]
pub struct Evaluated {
    /// The answer.
    pub answer: Answer,
    /// The board that it rests on, if that stays.
    board: Option<Arc<KeptBoard>>,
}

impl From<Answer> for Evaluated {
    /// An answer that rests on no tenant.
    fn from(answer: Answer) -> Self {
        Self { answer, board: None }
    }
}

impl TenantView {
    /// Compiles a tenant's configuration and joins it with what is live of it.
    #[must_use]
    pub fn build(
        tenant: TenantName,
        configuration: &TenantConfiguration,
        fleet: &Fleet,
        live: Arc<TenantLive>,
    ) -> Self {
        let snapshot = TenantSnapshot::build(tenant, configuration);
        let of_block = |block: &Block| {
            block.members.iter().map(|member| fleet.connector(&member.name)).collect()
        };
        let of_segment = |segment: &SegmentSnapshot| SegmentView {
            memory: live.segment(&segment.name.application_segment),
            boards: Boards::default(),
        };
        let enrolled = |(id, connector): (&Id, &Connector)| {
            let name = AppConnectorName::new(snapshot.tenant.id().clone(), id.clone());
            (id.clone(), Enrolled { group: connector.group.clone(), live: fleet.connector(&name) })
        };
        Self {
            candidates: snapshot.blocks.iter().map(of_block).collect(),
            segments: snapshot.segments.iter().map(of_segment).collect(),
            connectors: configuration.connectors.iter().map(enrolled).collect(),
            live,
            snapshot,
        }
    }

    /// Answers a question, and changes nothing.
    #[must_use]
    pub fn answer(&self, asked: &Asked<'_>, depth: Depth) -> Evaluated {
        let found = match find(&self.snapshot, asked) {
            ControlFlow::Continue(found) => found,
            ControlFlow::Break(answer) => return answer.into(),
        };
        let Query { host, port, protocol, .. } = asked.query;
        let SegmentView { memory, boards } = &self.segments[found.position as usize];
        let connectors = self.candidates(found.segment);
        let kept = boards.find(host, *port, *protocol);
        let built;
        let board = match &kept {
            Some(kept) => &kept.board,
            None => {
                built = Board::build(found.block, connectors, (host, *port, *protocol), existing);
                &built
            }
        };
        let observed = board.observe(connectors, asked.moment.now.as_millisecond());
        let answer = found.choose(asked, observed, &memory.spill(), depth);
        Evaluated { answer, board: kept }
    }

    /// Applies the effects of an answer of this view. True if the application was not in use before: its probes must
    /// begin.
    #[must_use]
    pub fn apply(&self, evaluated: &Evaluated, query: &Query, now: Timestamp) -> bool {
        let Some(Effects { segment: position, grant, fallen }) = evaluated.answer.effects else {
            return false;
        };
        let Some(segment) = self.snapshot.segment(position) else { return false };
        let view = &self.segments[position as usize];
        view.memory.remember(fallen, now.as_millisecond());
        if let Some(member) = grant {
            self.candidates(segment)[member as usize].grant();
        }
        let demand = match &evaluated.board {
            Some(kept) => kept.demand.clone(),
            None => self.keep_board(segment, &view.boards, query),
        };
        let Some(demand) = demand else { return false };
        let begins = demand.touch(now);
        if begins {
            let access = segment.access(&query.host, query.port, query.protocol);
            self.live.revive(access, demand);
        }
        begins
    }

    /// Keeps a board for a host and port that are asked for, and says how that is noted; `None`: not at all.
    fn keep_board(
        &self,
        segment: &SegmentSnapshot,
        boards: &Boards,
        query: &Query,
    ) -> Option<Arc<LastAccess>> {
        let Query { host, port, protocol, .. } = query;
        let demand = match segment.config.health_reporting {
            // Without a place among what is in use it is not probed: a board would wait for results in vain.
            HealthReporting::OnAccess => {
                Some(self.live.access(&segment.access(host, *port, *protocol))?)
            }
            HealthReporting::Continuous | HealthReporting::None => None,
        };
        if boards.has_place_for(host) {
            let block = self.snapshot.block(segment)?;
            let connectors = self.candidates(segment);
            let slot = match segment.config.health_reporting {
                HealthReporting::None => existing,
                HealthReporting::OnAccess | HealthReporting::Continuous => ConnectorLive::slot,
            };
            let board = Board::build(block, connectors, (host, *port, *protocol), slot);
            let kept = KeptBoard { board, demand: demand.clone() };
            boards.keep(host, *port, *protocol, kept);
        }
        demand
    }

    /// The live side of a segment's block.
    fn candidates(&self, segment: &SegmentSnapshot) -> &[Arc<ConnectorLive>] {
        let block = segment.chain.ok().and_then(|position| self.candidates.get(position));
        block.map_or(&[], Vec::as_slice)
    }
}

/// The slot of a target, or an empty one of which nothing is kept: what is never probed must not fill the memory.
fn existing(connector: &ConnectorLive, target: &Target) -> Arc<LegSlot> {
    connector.existing_slot(target).unwrap_or_default()
}
