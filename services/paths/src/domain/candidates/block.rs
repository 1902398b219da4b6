//! The connectors behind a set of server groups.
//!
//! Always holds: a block has every connector of every group behind the enabled server groups, also those
//! that cannot serve, so that Explain can name them; blocks are shared by segments with the same server
//! groups; numbers that the selector's loop reads lie in plain arrays.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use names::{AppConnectorName, Id, TenantName};

use super::verdict::Reason;
use crate::domain::{
    configuration::{Country, Families, Protocol, Segment, Server, TenantConfiguration},
    cost::place::Direction,
    matching::host::Host,
    probing::target::{Target, targets},
};

/// Most server groups of one chain: the bits of [`Member::server_groups`]. Registry allows 40 a segment.
const MAX_SERVER_GROUPS: usize = 64;

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
}

impl Block {
    /// The targets of one member for a host and port; one that several server groups name comes more than once.
    pub fn targets<'a>(
        &'a self,
        member: &Member,
        host: &'a Host,
        port: u16,
        protocol: Protocol,
    ) -> impl Iterator<Item = Target> + 'a {
        let server_groups = member.server_groups;
        let leads = move |(bit, _): &(usize, _)| server_groups & (1 << bit) != 0;
        let serving = self.server_groups.iter().enumerate().filter(leads);
        serving.flat_map(move |(_, servers)| targets(servers, host, port, protocol))
    }
}

/// Builds each block once.
pub(super) struct Blocks<'a> {
    tenant: &'a TenantName,
    configuration: &'a TenantConfiguration,
    built: Vec<Block>,
    positions: BTreeMap<Vec<Id>, usize>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(tenant: &'a TenantName, configuration: &'a TenantConfiguration) -> Self {
        Self { tenant, configuration, built: Vec::new(), positions: BTreeMap::new() }
    }

    /// All that were built.
    pub(super) fn finish(self) -> Vec<Block> {
        self.built
    }

    /// The position of the block behind a segment, or the link of the chain that is broken.
    pub(super) fn chain(&mut self, segment: &Segment) -> Result<usize, Reason> {
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
        if let Some(position) = self.positions.get(&serving) {
            return Ok(*position);
        }
        let position = self.built.len();
        self.built.push(self.block(&serving));
        self.positions.insert(serving, position);
        Ok(position)
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
            let group_id = connector.group.as_str();
            block.members.push(Member {
                name: AppConnectorName::new(self.tenant.id().clone(), id.clone()),
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
