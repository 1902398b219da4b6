//! What the operating system says of processes and of the machine.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};
use serde::Serialize;

/// Memory that a process holds, in bytes.
pub(crate) fn resident_bytes(process: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/statm"))?;
    let pages = text.split(' ').nth(1).context("statm has no second field")?;
    Ok(pages.parse::<u64>()? * rustix::param::page_size() as u64)
}

/// Processor time that a process has used.
pub(crate) fn processor_time(process: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may hold blanks; it ends with the last bracket.
    let (_, fields) = text.rsplit_once(')').context("stat has no name")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // Fields 14 and 15 of proc(5), of which the first two are cut off.
    let ticks = |index: usize| fields.get(index).context("stat is short").map(|f| f.parse::<u64>());
    let ticks = ticks(11)?? + ticks(12)??;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Where the figures were taken.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory_bytes: u64,
    kernel: String,
    /// Work that waited or ran, averaged over the last minute, before the first figure and after the last: above
    /// the cores, others were at work.
    load_average: Vec<f64>,
}

impl Machine {
    /// This one, as it is now.
    pub(crate) fn here() -> Self {
        let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_once(':'));
            value.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kilobytes = memory.trim_end_matches(" kB").parse().unwrap_or(0_u64);
        let mut machine = Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: kilobytes * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_average: Vec::new(),
        };
        machine.note_load();
        machine
    }

    /// Notes how busy it is now.
    pub(crate) fn note_load(&mut self) {
        let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        self.load_average.extend(text.split(' ').next().and_then(|load| load.parse::<f64>().ok()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_holds_memory_and_its_work_takes_time() {
        let own = std::process::id();
        assert!(resident_bytes(own).unwrap() > 100_000);
        let before = processor_time(own).unwrap();
        let begun = std::time::Instant::now();
        while processor_time(own).unwrap() == before {
            assert!(begun.elapsed() < Duration::from_secs(20), "no time is counted");
        }
        assert!(Machine::here().cores > 0);
    }
}
