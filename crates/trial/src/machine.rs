//! What a machine may do, tried once and said in plain words, and processes that stand still.
//!
//! Always holds: what is skipped is said on stderr, past the capture of the test runner, so a green run never passes for a
//! proof that it was not.

use std::{
    fs, io,
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Between two looks at the threads of a process.
const LOOK_PERIOD: Duration = Duration::from_millis(1);
/// A thread that syncs stops only when the sync is over, which takes long on a busy disk.
const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// Whether `strace` works here, tried once on a harmless program. If not, says on stderr that `what` is skipped.
#[must_use]
pub fn may_trace(what: &str) -> bool {
    static PROBED: OnceLock<bool> = OnceLock::new();
    let works = *PROBED.get_or_init(|| {
        let mut tried = Command::new("strace");
        tried.args(["-qq", "-e", "trace=none", "true"]).stderr(Stdio::null());
        tried.status().is_ok_and(|status| status.success())
    });
    if !works {
        say(&format!("skipped: {what}: strace is missing or may not trace"));
    }
    works
}

/// Writes a line past the capture of the test runner.
pub(crate) fn say(line: &str) {
    io::Write::write_all(&mut io::stderr(), format!("{line}\n").as_bytes()).ok();
}

/// Stops a process of ours where it is, with SIGSTOP, and waits until each of its threads has left the kernel and stands:
/// what it had asked the kernel for is done, and it asks for nothing more until it is continued or killed.
///
/// # Panics
/// If it is gone, or goes on.
pub fn stand_still(process: u32) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::STOP).expect("a process of ours can be stopped");
    let deadline = Instant::now() + STOP_PATIENCE;
    while !stands(process) {
        assert!(Instant::now() < deadline, "process {process} goes on after {STOP_PATIENCE:?}");
        thread::sleep(LOOK_PERIOD);
    }
}

/// Whether the kernel says of each thread that it is stopped: `T`, or `t` under a tracer.
fn stands(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("its threads");
    threads.flatten().all(|thread| {
        // A thread that ended meanwhile stands too.
        let Ok(stat) = fs::read_to_string(thread.path().join("stat")) else { return true };
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        matches!(state, Some('T' | 't'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_was_told_to_stand_still_does() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("it starts");
        assert!(!stands(child.id()));
        stand_still(child.id());
        assert!(stands(child.id()));
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
    }
}
