//! For one host and port of a segment: the slots that each candidate's checks write to.

use std::sync::Arc;

use crate::{
    domain::{
        candidates::snapshot::Block,
        configuration::{Protocol, Server},
        matching::host::Host,
        probing::health::Health,
    },
    live::{
        demand::LastAccess,
        slot::{LegSlot, Reading, Target},
    },
};

/// The slots of one host and port, beside the members of a block.
#[derive(Debug)]
pub struct Board {
    /// `slots[starts[m]..starts[m + 1]]` are those of member `m`.
    starts: Vec<u32>,
    slots: Vec<Arc<LegSlot>>,
    /// Members that have targets, none of them in their group's families.
    wrong_family: Vec<bool>,
    /// When it was last asked for. `None`: not followed.
    pub demand: Option<Arc<LastAccess>>,
}

/// What a server group leads to for one host and port of a segment: its servers that serve the port,
/// or, without servers, the host itself.
pub fn targets<'a>(
    servers: &'a [Server],
    host: &'a Host,
    port: u16,
    protocol: Protocol,
) -> impl Iterator<Item = Target> + 'a {
    let own = servers.is_empty().then(|| Target { host: host.clone(), port, protocol });
    let listed = servers
        .iter()
        .filter(move |server| server.serves(port))
        .map(move |server| Target { host: server.host.clone(), port, protocol });
    own.into_iter().chain(listed)
}

impl Board {
    /// Collects the slots of every member. Only with `keep` are slots made for targets that nobody
    /// probes yet: what is never probed must not fill the memory.
    #[must_use]
    pub fn build(
        block: &Block,
        host: &Host,
        port: u16,
        protocol: Protocol,
        demand: Option<Arc<LastAccess>>,
        keep: bool,
    ) -> Self {
        let mut board =
            Self { starts: vec![0], slots: Vec::new(), wrong_family: Vec::new(), demand };
        for member in &block.members {
            let mut all = 0;
            let start = board.slots.len();
            for target in member_targets(block, member.server_groups, host, port, protocol) {
                all += 1;
                if member.families.allow(&target.host) {
                    let slot = match keep {
                        true => member.live.slot(&target),
                        false => member.live.existing_slot(&target).unwrap_or_default(),
                    };
                    board.slots.push(slot);
                }
            }
            board.wrong_family.push(all > 0 && board.slots.len() == start);
            board.starts.push(u32::try_from(board.slots.len()).unwrap_or(u32::MAX));
        }
        board
    }

    /// Whether no target of a member is in its group's families.
    #[must_use]
    #[inline]
    pub fn wrong_family(&self, member: usize) -> bool {
        self.wrong_family.get(member).copied().unwrap_or_default()
    }

    /// What a member's checks say of the application at a time in milliseconds: the best of its targets.
    #[must_use]
    #[inline]
    pub fn read_at(&self, member: usize, now_ms: i64) -> Reading {
        let (start, end) = (self.starts[member] as usize, self.starts[member + 1] as usize);
        match &self.slots[start..end] {
            [slot] => slot.read_at(now_ms),
            slots => {
                slots.iter().map(|slot| slot.read_at(now_ms)).reduce(better).unwrap_or(UNKNOWN)
            }
        }
    }
}

/// The targets of one member, each once.
fn member_targets(
    block: &Block,
    server_groups: u64,
    host: &Host,
    port: u16,
    protocol: Protocol,
) -> Vec<Target> {
    let mut all: Vec<Target> = Vec::new();
    for (bit, servers) in block.server_groups.iter().enumerate() {
        if server_groups & (1 << bit) != 0 {
            all.extend(targets(servers, host, port, protocol));
        }
    }
    all.sort();
    all.dedup();
    all
}

const UNKNOWN: Reading = Reading {
    health: Health::Unknown,
    last_known: Health::Unknown,
    milliseconds: None,
    age_ms: 0,
    no_address_in_family: false,
};

/// A connector reaches an application as well as it reaches the best of its servers: a healthier one
/// first, then a measured one, then a faster one.
fn better(a: Reading, b: Reading) -> Reading {
    let rank = |reading: &Reading| {
        (
            reading.health,
            reading.last_known,
            reading.milliseconds.is_none(),
            reading.no_address_in_family,
        )
    };
    let key = rank(&a).cmp(&rank(&b)).then_with(|| {
        a.milliseconds.unwrap_or_default().total_cmp(&b.milliseconds.unwrap_or_default())
    });
    if key.is_le() { a } else { b }
}
