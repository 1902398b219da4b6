//! For one host and port of a segment: the slots that each candidate's checks write to.

use std::sync::Arc;

use super::{connector::ConnectorLive, slot::LegSlot};
use crate::domain::{
    candidates::{block::Block, observed::Observed},
    configuration::Protocol,
    matching::host::Host,
    probing::{reading::Reading, target::Target},
};

/// The slots of one host and port, beside the members of a block.
#[derive(Debug)]
pub struct Board {
    /// `slots[starts[m]..starts[m + 1]]` are those of member `m`.
    starts: Vec<u32>,
    slots: Vec<Arc<LegSlot>>,
    /// Members that have targets, none of them in their group's families.
    wrong_family: Vec<bool>,
}

impl Board {
    /// Collects the slots of every member, as `slot` gives them.
    #[must_use]
    pub fn build(
        block: &Block,
        connectors: &[Arc<ConnectorLive>],
        (host, port, protocol): (&Host, u16, Protocol),
        slot: impl Fn(&ConnectorLive, &Target) -> Arc<LegSlot>,
    ) -> Self {
        let mut board = Self { starts: vec![0], slots: Vec::new(), wrong_family: Vec::new() };
        for (member, connector) in block.members.iter().zip(connectors) {
            let mut targets: Vec<Target> = block.targets(member, host, port, protocol).collect();
            targets.sort();
            targets.dedup();
            let start = board.slots.len();
            let usable = targets.iter().filter(|target| member.families.allow(&target.host));
            board.slots.extend(usable.map(|target| slot(connector, target)));
            board.wrong_family.push(!targets.is_empty() && board.slots.len() == start);
            board.starts.push(u32::try_from(board.slots.len()).unwrap_or(u32::MAX));
        }
        board
    }

    /// What is known of each member at a time in milliseconds, in the order of the block.
    #[inline]
    pub fn observe(
        &self,
        connectors: &[Arc<ConnectorLive>],
        now_ms: i64,
    ) -> impl Iterator<Item = Observed> {
        let members = self.starts.windows(2).zip(&self.wrong_family).zip(connectors);
        members.map(move |((ends, is_wrong_family), connector)| Observed {
            connector: connector.numbers(),
            application: self.read(ends[0], ends[1], now_ms),
            is_wrong_family: *is_wrong_family,
        })
    }

    /// What a member's checks say of the application: the best of its targets.
    #[inline]
    fn read(&self, start: u32, end: u32, now_ms: i64) -> Reading {
        match &self.slots[start as usize..end as usize] {
            [slot] => slot.read_at(now_ms),
            slots => {
                let readings = slots.iter().map(|slot| slot.read_at(now_ms));
                readings.reduce(Reading::better).unwrap_or(Reading::UNKNOWN)
            }
        }
    }
}
