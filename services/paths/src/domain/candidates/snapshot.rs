//! One tenant's configuration, compiled for selection. Immutable; a change builds a new one.
//!
//! Absent on purpose: anything that connectors report or users ask for (see `live`).

use names::{ApplicationSegmentName, TenantName};

use super::{
    block::{Block, Blocks},
    verdict::Reason,
};
use crate::domain::{
    configuration::{Protocol, Segment, TenantConfiguration},
    matching::{host::Host, matcher::Matcher},
    probing::demand::Access,
    question::client_network::ClientNetworks,
};

/// One tenant, ready for selection.
#[derive(Debug)]
pub struct TenantSnapshot {
    /// The tenant.
    pub tenant: TenantName,
    /// No new paths.
    pub suspended: bool,
    /// Where the users of known networks are.
    pub client_networks: ClientNetworks,
    /// From host and port to a position in `segments`.
    pub matcher: Matcher,
    /// Segments by position, in the order of their ids.
    pub segments: Vec<SegmentSnapshot>,
    /// Candidates of the segments, by the position in [`SegmentSnapshot::chain`].
    pub blocks: Vec<Block>,
}

/// One segment, ready for selection.
#[derive(Debug)]
pub struct SegmentSnapshot {
    /// Its name.
    pub name: ApplicationSegmentName,
    /// What the administrator wrote.
    pub config: Segment,
    /// The position of the candidates in [`TenantSnapshot::blocks`], or the link of the chain that is broken.
    pub chain: Result<usize, Reason>,
}

impl TenantSnapshot {
    /// Compiles a tenant's configuration.
    #[must_use]
    pub fn build(tenant: TenantName, configuration: &TenantConfiguration) -> Self {
        let mut blocks = Blocks::new(&tenant, configuration);
        let mut segments = Vec::with_capacity(configuration.segments.len());
        for (id, config) in &configuration.segments {
            segments.push(SegmentSnapshot {
                name: ApplicationSegmentName::new(tenant.id().clone(), id.clone()),
                chain: blocks.chain(config),
                config: config.clone(),
            });
        }
        let blocks = blocks.finish();
        Self {
            tenant,
            suspended: configuration.suspended,
            client_networks: ClientNetworks::new(&configuration.client_networks),
            matcher: Matcher::new(configuration.segments.values()),
            segments,
            blocks,
        }
    }

    /// The segment at a position of the matcher.
    #[must_use]
    pub fn segment(&self, position: u32) -> Option<&SegmentSnapshot> {
        self.segments.get(position as usize)
    }

    /// The candidates of a segment; `None` if its chain is broken.
    #[must_use]
    pub fn block(&self, segment: &SegmentSnapshot) -> Option<&Block> {
        self.blocks.get(segment.chain.ok()?)
    }

    /// A segment by its position, with its candidates, or the link of its chain that is broken.
    ///
    /// # Errors
    /// The reason why there are no candidates.
    pub fn candidates(&self, position: u32) -> Result<(&SegmentSnapshot, &Block), Reason> {
        let segment = self.segment(position).ok_or(Reason::NoSegment)?;
        let block = self.blocks.get(segment.chain?).ok_or(Reason::NoServerGroup)?;
        Ok((segment, block))
    }
}

impl SegmentSnapshot {
    /// What it means that a user asks for a host and port of the segment.
    #[must_use]
    pub fn access(&self, host: &Host, port: u16, protocol: Protocol) -> Access {
        let segment = self.name.application_segment.clone();
        Access { segment, host: host.clone(), port, protocol }
    }
}
