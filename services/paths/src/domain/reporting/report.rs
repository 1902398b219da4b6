//! What a connector says of itself.

use jiff::Timestamp;

/// Share of descriptors or memory from which on a host has no capacity left.
const SPENT_SHARE: f64 = 0.98;

/// Load as a connector reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Sessions now.
    pub sessions: u32,
    /// Sessions that it can carry; 0: not known.
    pub session_limit: u32,
    /// Share of all cores, 0 to 1.
    pub cpu: f64,
    /// Share of memory, 0 to 1.
    pub memory: f64,
    /// Open descriptors.
    pub descriptors: u32,
    /// Their limit; 0: not known.
    pub descriptor_limit: u32,
    /// Local ports in use.
    pub ports: u32,
    /// Free disk space, bytes.
    pub disk_free_bytes: u64,
}

impl Load {
    /// Whether the host has no capacity left.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        let sessions = self.session_limit > 0 && self.sessions >= self.session_limit;
        let descriptors = self.descriptor_limit > 0
            && f64::from(self.descriptors) >= SPENT_SHARE * f64::from(self.descriptor_limit);
        sessions || descriptors || self.memory >= SPENT_SHARE
    }
}

/// Who a running connector process is, from its Hello and its connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    /// UUID made at the start of the process.
    pub instance_id: String,
    /// Running version.
    pub version: String,
    /// Operating system and architecture.
    pub platform: String,
    /// Host name.
    pub hostname: String,
    /// Addresses of its interfaces.
    pub private_addresses: Vec<String>,
    /// Address of the TCP peer.
    pub public_address: String,
    /// When the process started, by its own clock.
    pub start: Option<Timestamp>,
    /// Version before the last update.
    pub previous_version: String,
    /// End of the certificate that opened the stream.
    pub certificate_end: Option<Timestamp>,
}

/// The last report's texts and times.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Who it is.
    pub instance: Instance,
    /// Its last load.
    pub load: Load,
    /// When the stream of now, or the last one, was opened.
    pub opened: Option<Timestamp>,
    /// The connector's clock minus ours, milliseconds, at the last message that named its time.
    pub clock_skew_ms: Option<i64>,
    /// What it was last asked to probe.
    pub assigned: AssignedLoad,
}

/// How much a connector is asked to probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AssignedLoad {
    /// Targets.
    pub targets: usize,
    /// Share of the probe budget that they would take at the wanted period, in thousandths.
    pub budget_permille: u64,
    /// Targets beyond the budget, not probed at all.
    pub left_out: usize,
}

#[cfg(test)]
mod tests {
    use super::Load;

    #[test]
    fn a_host_is_spent_by_sessions_descriptors_or_memory_and_by_no_limit_that_it_does_not_name() {
        let spent = |load: Load| load.is_spent();
        assert!(spent(Load { sessions: 10, session_limit: 10, ..Load::default() }));
        assert!(spent(Load { descriptors: 98, descriptor_limit: 100, ..Load::default() }));
        assert!(spent(Load { memory: 0.98, ..Load::default() }));
        assert!(!spent(Load { sessions: 10, descriptors: 98, memory: 0.97, ..Load::default() }));
    }
}
