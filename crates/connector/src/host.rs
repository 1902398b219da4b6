//! What the connector reports about its host.
//!
//! Owns: the facts that go into Enroll and Hello. Always holds: they are hints for people, never proofs; the host's
//! own id leaves it only as a hash.
//! Absent on purpose: anything that changes while the process runs (`load`).

use jiff::Timestamp;
use rand::RngCore;
use ring::digest::{SHA256, digest};

/// Longest host name that is sent, in bytes: a DNS name.
const MAX_HOSTNAME: usize = 253;
/// Bytes of the fingerprint that are sent, of 32: enough never to collide, short enough to compare by eye.
const FINGERPRINT_BYTES: usize = 16;

/// Facts that hold for one run of the process.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// Id of this run, a UUID.
    pub instance_id: String,
    /// Version of this program.
    pub version: &'static str,
    /// Operating system and processor, `linux-x86_64`.
    pub platform: String,
    /// Name of the host; empty if it has none.
    pub hostname: String,
    /// Hash of the host's own id; empty if it has none.
    pub fingerprint: String,
    /// When this run began.
    pub start_time: Timestamp,
}

impl Host {
    /// Reads the facts of this host.
    pub(crate) fn read(now: Timestamp, rng: &mut impl RngCore) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self {
            instance_id: uuid::Builder::from_random_bytes(bytes).into_uuid().to_string(),
            version: env!("CARGO_PKG_VERSION"),
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            hostname: line("/proc/sys/kernel/hostname")
                .filter(|n| n.len() <= MAX_HOSTNAME)
                .unwrap_or_default(),
            fingerprint: line("/etc/machine-id").map(|id| fingerprint(&id)).unwrap_or_default(),
            start_time: now,
        }
    }
}

fn line(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// A hash bound to this use, so that nobody can match it with the id elsewhere.
fn fingerprint(machine_id: &str) -> String {
    let hash = digest(&SHA256, format!("causeway connector host {machine_id}").as_bytes());
    hash.as_ref().iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn each_run_has_its_own_instance_id_and_the_host_keeps_its_fingerprint() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut read = || Host::read(Timestamp::UNIX_EPOCH, &mut rng);
        let (first, second) = (read(), read());
        assert_ne!(first.instance_id, second.instance_id);
        assert_eq!(uuid::Uuid::parse_str(&first.instance_id).unwrap().get_version_num(), 4);
        assert_eq!(first.fingerprint, second.fingerprint);
    }

    #[test]
    fn the_fingerprint_does_not_show_the_hosts_id() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(fingerprint(id).len(), 32);
        assert!(!fingerprint(id).contains(&id[..8]));
        assert_ne!(fingerprint(id), fingerprint("0123456789abcdef0123456789abcdee"));
    }
}
