//! One tenant's configuration, compiled for selection. Immutable; a change builds a new one.
//!
//! Always holds: a block has every connector of every group behind the enabled server groups, also those
//! that cannot serve, so that Explain can name them; blocks are shared by segments with the same server
//! groups; numbers that the selector's loop reads lie in plain arrays.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use names::{AppConnectorName, ApplicationSegmentName, Id, TenantName};

use super::verdict::Reason;
use crate::{
    domain::{
        configuration::{
            Connector, Country, Families, HealthReporting, Protocol, Segment, Server,
            TenantConfiguration,
        },
        cost::place::Direction,
        matching::{host::Host, matcher::Matcher},
        question::client_network::ClientNetworks,
    },
    live::{
        board::Board,
        connector::ConnectorLive,
        demand::{Access, SegmentLive, TenantLive},
        fleet::Fleet,
    },
};

/// Most boards that a segment keeps for hosts that were asked for. Beyond it a board is built for the
/// question and dropped.
const MAX_BOARDS: usize = 1_000;
/// Most server groups of one chain: the bits of [`Member::server_groups`]. Registry allows 40 a segment.
const MAX_SERVER_GROUPS: usize = 64;

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
    /// Segments by position.
    pub segments: Vec<SegmentSnapshot>,
    /// What users ask for, and what segments remember; outlives the snapshot.
    pub live: Arc<TenantLive>,
    /// Every connector of the tenant, also those that serve nothing.
    pub connectors: BTreeMap<Id, Enrolled>,
}

/// A connector of the configuration.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// Its group.
    pub group: Id,
    /// What it reports.
    pub live: Arc<ConnectorLive>,
}

/// One segment, ready for selection.
#[derive(Debug)]
pub struct SegmentSnapshot {
    /// Its name.
    pub name: ApplicationSegmentName,
    /// What the administrator wrote.
    pub config: Segment,
    /// The candidates, or the link of the chain that is broken.
    pub chain: Result<Arc<Block>, Reason>,
    /// What it remembers.
    pub live: Arc<SegmentLive>,
    boards: RwLock<HashMap<Host, Vec<KeyedBoard>>>,
}

type KeyedBoard = ((u16, Protocol), Arc<Board>);

/// The candidates behind a set of server groups.
#[derive(Debug, Default)]
pub struct Block {
    /// Places, one entry a member.
    pub x: Vec<f32>,
    /// See `x`.
    pub y: Vec<f32>,
    /// See `x`.
    pub z: Vec<f32>,
    /// The connectors, in the order of their names.
    pub members: Vec<Member>,
    /// Servers of each server group, by the bit in [`Member::server_groups`]. Empty: the application's
    /// own name.
    pub server_groups: Vec<Vec<Server>>,
    /// Whether any of the groups is enabled.
    pub any_group_enabled: bool,
}

/// One connector as a candidate.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: AppConnectorName,
    /// Its group.
    pub group: Id,
    /// Whether its group is enabled.
    pub group_enabled: bool,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Where it stands, if known.
    pub country: Option<Country>,
    /// Families of its group.
    pub families: Families,
    /// What fails together with it: its label, else its group.
    pub failure_domain: Arc<str>,
    /// Which server groups lead to it, one bit each.
    pub server_groups: u64,
    /// What it reports.
    pub live: Arc<ConnectorLive>,
}

impl TenantSnapshot {
    /// Compiles a tenant's configuration.
    #[must_use]
    pub fn build(
        tenant: TenantName,
        configuration: &TenantConfiguration,
        fleet: &Fleet,
        live: Arc<TenantLive>,
    ) -> Self {
        let mut blocks = Blocks { tenant: &tenant, configuration, fleet, built: BTreeMap::new() };
        let mut segments = Vec::with_capacity(configuration.segments.len());
        for (id, config) in &configuration.segments {
            segments.push(SegmentSnapshot {
                name: ApplicationSegmentName::new(tenant.id().clone(), id.clone()),
                chain: blocks.chain(config),
                config: config.clone(),
                live: live.segment(id),
                boards: RwLock::default(),
            });
        }
        let matcher = Matcher::new(configuration.segments.values());
        let enrolled = |(id, connector): (&Id, &Connector)| {
            let name = AppConnectorName::new(tenant.id().clone(), id.clone());
            (id.clone(), Enrolled { group: connector.group.clone(), live: fleet.connector(&name) })
        };
        let connectors = configuration.connectors.iter().map(enrolled).collect();
        let suspended = configuration.suspended;
        let client_networks = ClientNetworks::new(&configuration.client_networks);
        Self { tenant, suspended, client_networks, matcher, segments, live, connectors }
    }

    /// The segment at a position of the matcher.
    #[must_use]
    pub fn segment(&self, position: u32) -> Option<&SegmentSnapshot> {
        self.segments.get(position as usize)
    }
}

impl SegmentSnapshot {
    /// What it means that somebody asks for a host and port of the segment.
    #[must_use]
    pub fn access(&self, host: &Host, port: u16, protocol: Protocol) -> Access {
        let segment = self.name.application_segment.clone();
        Access { segment, host: host.clone(), port, protocol }
    }

    /// The board for a host and port, made when it is new.
    #[must_use]
    pub fn board(
        &self,
        block: &Block,
        host: &Host,
        port: u16,
        protocol: Protocol,
        live: &TenantLive,
    ) -> Arc<Board> {
        let known = self.boards.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(board) = find(&known, host, (port, protocol)) {
            return board.clone();
        }
        drop(known);
        let (demand, keep) = match self.config.health_reporting {
            HealthReporting::OnAccess => {
                let demand = live.access(&self.access(host, port, protocol));
                (demand.clone(), demand.is_some())
            }
            HealthReporting::Continuous => (None, true),
            HealthReporting::None => (None, false),
        };
        let board = Arc::new(Board::build(block, host, port, protocol, demand, keep));
        let mut boards = self.boards.write().unwrap_or_else(PoisonError::into_inner);
        if boards.len() < MAX_BOARDS || boards.contains_key(host) {
            let of_host = boards.entry(host.clone()).or_default();
            of_host.retain(|(key, _)| *key != (port, protocol));
            of_host.push(((port, protocol), board.clone()));
        }
        board
    }
}

fn find<'a>(
    boards: &'a HashMap<Host, Vec<KeyedBoard>>,
    host: &Host,
    wanted: (u16, Protocol),
) -> Option<&'a Arc<Board>> {
    let of_host = boards.get(host)?;
    of_host.iter().find(|(key, _)| *key == wanted).map(|(_, board)| board)
}

/// Builds each block once.
struct Blocks<'a> {
    tenant: &'a TenantName,
    configuration: &'a TenantConfiguration,
    fleet: &'a Fleet,
    built: BTreeMap<Vec<Id>, Arc<Block>>,
}

impl Blocks<'_> {
    fn chain(&mut self, segment: &Segment) -> Result<Arc<Block>, Reason> {
        let all = &self.configuration.server_groups;
        let known: Vec<_> =
            segment.server_groups.iter().filter_map(|id| all.get_key_value(id)).collect();
        if known.is_empty() {
            return Err(Reason::NoServerGroup);
        }
        let mut serving: Vec<Id> =
            known.iter().filter(|(_, group)| group.enabled).map(|(id, _)| (*id).clone()).collect();
        if serving.is_empty() {
            return Err(Reason::ServerGroupDisabled);
        }
        serving.sort();
        serving.truncate(MAX_SERVER_GROUPS);
        let has_group = serving.iter().filter_map(|id| all.get(id)).any(|server_group| {
            server_group.groups.iter().any(|id| self.configuration.groups.contains_key(id))
        });
        if !has_group {
            return Err(Reason::NoAppConnectorGroup);
        }
        if let Some(block) = self.built.get(&serving) {
            return Ok(block.clone());
        }
        let block = Arc::new(self.block(&serving));
        self.built.insert(serving, block.clone());
        Ok(block)
    }

    fn block(&self, serving: &[Id]) -> Block {
        let mut block = Block::default();
        let mut routes: HashMap<&Id, u64> = HashMap::new();
        for (bit, id) in serving.iter().enumerate() {
            let Some(server_group) = self.configuration.server_groups.get(id) else { continue };
            for group in &server_group.groups {
                *routes.entry(group).or_default() |= 1 << bit;
            }
            block.server_groups.push(server_group.servers.clone());
        }
        block.any_group_enabled = routes
            .keys()
            .filter_map(|id| self.configuration.groups.get(*id))
            .any(|group| group.enabled);
        for (id, connector) in &self.configuration.connectors {
            let Some(server_groups) = routes.get(&connector.group) else { continue };
            let Some(group) = self.configuration.groups.get(&connector.group) else { continue };
            let Direction { x, y, z } =
                connector.coordinates.unwrap_or(group.coordinates).direction();
            block.x.push(x);
            block.y.push(y);
            block.z.push(z);
            let name = AppConnectorName::new(self.tenant.id().clone(), id.clone());
            let group_id = connector.group.as_str();
            block.members.push(Member {
                live: self.fleet.connector(&name),
                name,
                group: connector.group.clone(),
                group_enabled: group.enabled,
                enabled: connector.enabled,
                country: connector.country.or(group.country),
                families: group.families,
                failure_domain: connector.failure_domain.as_deref().unwrap_or(group_id).into(),
                server_groups: *server_groups,
            });
        }
        block
    }
}
