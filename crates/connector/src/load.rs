//! The load of the connector's host.
//!
//! Owns: reading the kernel's counters. Always holds: a value that cannot be read is 0, which means "not known".
//! Absent on purpose: sessions. This connector carries no traffic; one that does reports its own.

use std::{fs, path::PathBuf};

/// One reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Load {
    /// Share of all cores in use since the reading before, 0 to 1.
    pub cpu_utilisation: f64,
    /// Share of memory in use, 0 to 1.
    pub memory_utilisation: f64,
    /// Open file descriptors of this process.
    pub descriptors: i32,
    /// Most file descriptors that this process may open.
    pub descriptor_limit: i32,
    /// Free bytes where the state directory lies.
    pub disk_free_bytes: i64,
}

/// Reads load, and remembers the counters that only mean something as a difference.
#[derive(Debug)]
pub(crate) struct LoadMeter {
    state_dir: PathBuf,
    cpu: Option<CpuTicks>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct CpuTicks {
    total: u64,
    idle: u64,
}

impl LoadMeter {
    /// A meter that has not read anything yet.
    #[must_use]
    pub(crate) fn new(state_dir: PathBuf) -> Self {
        Self { state_dir, cpu: None }
    }

    /// Reads now.
    pub(crate) fn read(&mut self) -> Load {
        let cpu = text("/proc/stat").as_deref().and_then(cpu_ticks);
        let before = std::mem::replace(&mut self.cpu, cpu);
        Load {
            cpu_utilisation: cpu.map_or(0.0, |now| cpu_share(before, now)),
            memory_utilisation: text("/proc/meminfo")
                .as_deref()
                .and_then(memory_share)
                .unwrap_or(0.0),
            descriptors: fs::read_dir("/proc/self/fd").map_or(0, |dir| clamp(dir.count() as u64)),
            descriptor_limit: text("/proc/self/limits")
                .as_deref()
                .and_then(descriptor_limit)
                .unwrap_or(0),
            disk_free_bytes: rustix::fs::statvfs(&self.state_dir).map_or(0, |disk| {
                i64::try_from(disk.f_bavail.saturating_mul(disk.f_frsize)).unwrap_or(i64::MAX)
            }),
        }
    }
}

fn text(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn clamp(value: u64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// First line of `/proc/stat`: `cpu user nice system idle iowait irq …`; idle and iowait are not work.
fn cpu_ticks(stat: &str) -> Option<CpuTicks> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let sum = |ticks: &[u64]| ticks.iter().fold(0, |sum: u64, ticks| sum.saturating_add(*ticks));
    let idle = ticks.get(3..)?.get(..2).or(ticks.get(3..4))?;
    Some(CpuTicks { total: sum(&ticks), idle: sum(idle) })
}

fn cpu_share(before: Option<CpuTicks>, now: CpuTicks) -> f64 {
    let Some(before) = before else { return 0.0 };
    let total = now.total.saturating_sub(before.total);
    let idle = now.idle.saturating_sub(before.idle).min(total);
    if total == 0 { 0.0 } else { (total - idle) as f64 / total as f64 }
}

fn memory_share(meminfo: &str) -> Option<f64> {
    let field = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    let (total, available) = (field("MemTotal:")?, field("MemAvailable:")?);
    (total > 0).then(|| (1.0 - available as f64 / total as f64).clamp(0.0, 1.0))
}

fn descriptor_limit(limits: &str) -> Option<i32> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok().map(clamp)
}

#[cfg(test)]
mod fuzz {
    use super::*;

    #[test]
    fn whatever_the_kernel_writes_is_a_share_or_nothing() {
        let words = ["cpu ", "MemTotal: ", "MemAvailable: ", "Max open files ", "NaN", "-1", "inf"];
        trial::target!("kernel_texts").words(&words).run_on_text(|text| {
            let (ticks, memory) = (cpu_ticks(text), memory_share(text));
            if let Some(ticks) = ticks {
                assert!(ticks.idle <= ticks.total, "more than all was idle");
                let none = CpuTicks { total: 0, idle: 0 };
                assert!((0.0..=1.0).contains(&cpu_share(Some(none), ticks)));
            }
            assert!(memory.is_none_or(|share| (0.0..=1.0).contains(&share)), "{memory:?}");
            let limit = descriptor_limit(text);
            assert!(limit.is_none_or(|limit| limit >= 0), "{limit:?}");
            (ticks.is_some() || memory.is_some() || limit.is_some()).then_some(())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_the_share_of_ticks_that_were_work() {
        let before = cpu_ticks("cpu  100 0 100 700 100 0\ncpu0 1 2 3 4\n").unwrap();
        let now = cpu_ticks("cpu  130 0 120 730 120 0\n").unwrap();
        assert_eq!(cpu_share(None, now), 0.0);
        assert_eq!(cpu_share(Some(before), now), 0.5);
        assert_eq!(cpu_share(Some(now), before), 0.0, "counters that went back are no load");
    }

    #[test]
    fn memory_and_descriptors_are_read_from_the_kernels_text() {
        assert_eq!(
            memory_share("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\n"),
            Some(0.75)
        );
        assert_eq!(memory_share("MemTotal: 1000 kB\n"), None);
        let limits =
            "Limit  Soft Limit\nMax open files            1024                 4096       files\n";
        assert_eq!(descriptor_limit(limits), Some(1024));
        assert_eq!(descriptor_limit("Max open files unlimited unlimited files"), None);
    }

    #[test]
    fn a_real_host_has_memory_descriptors_and_a_disk() {
        let load = LoadMeter::new(std::env::temp_dir()).read();
        assert!(load.memory_utilisation > 0.0 && load.memory_utilisation <= 1.0, "{load:?}");
        assert!(load.descriptors > 0 && load.disk_free_bytes > 0, "{load:?}");
    }
}
