//! Disks that fail or hang, made by letting `strace` tamper with system calls of a writer.
//!
//! `syncfs` is a raw system call, so no preloaded library can do this. Where `strace` is missing
//! or may not trace, these tests say so and prove nothing; CI installs it.

use std::{os::unix::process::ExitStatusExt, path::Path, process::Command};

use store::StoreConfig;

use crate::{
    open,
    writers::{Acknowledged, BULK_VARIABLE, WATCHDOG_VARIABLE, WriterProcess, assert_kept},
};

fn tampered(dir: &Path, injection: &str) -> WriterProcess {
    WriterProcess::start_under(strace(injection), dir)
}

fn strace(injection: &str) -> Command {
    let mut strace = Command::new("strace");
    strace.env(WATCHDOG_VARIABLE, "3");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={injection}")]);
    strace
}

async fn assert_kept_in(dir: &Path, acknowledged: &Acknowledged) {
    let store = open(StoreConfig::new(dir)).await.unwrap();
    assert_kept(&store, acknowledged).await;
}

#[tokio::test]
async fn a_sync_that_fails_ends_all_writing_and_takes_nothing_acknowledged_back() {
    if !trial::may_trace("a sync that fails") {
        return;
    }
    for error in ["EIO", "ENOSPC"] {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = tampered(dir.path(), &format!("syncfs:error={error}:when=30+"));
        let ended = writer.wait();
        assert!(ended.acknowledged[&0] >= 20, "it worked until then");
        assert_eq!(
            ended.failures,
            ["unknown", "unavailable, health Failed", "reads go on"],
            "{error}"
        );
        assert_kept_in(dir.path(), &ended.acknowledged).await;
    }
}

#[tokio::test]
async fn a_sync_that_succeeds_again_after_a_failure_is_not_believed() {
    if !trial::may_trace("a sync that succeeds again") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // The kernel reports a lost write once; the next sync says that all is well.
    let mut writer = tampered(dir.path(), "syncfs:error=EIO:when=30");
    let ended = writer.wait();
    assert_eq!(ended.failures, ["unknown", "unavailable, health Failed", "reads go on"]);
    assert_kept_in(dir.path(), &ended.acknowledged).await;
}

#[tokio::test]
async fn a_write_that_fails_after_the_flush_fell_asleep_is_heard_of() {
    if !trial::may_trace("writes that fail late") {
        return;
    }
    // Each of sled's I/O threads counts its own calls. One fails, 50 ms late, while the others go on; where it writes what a
    // commit left behind when it went on to a new segment, sled tells nobody, and the flush sleeps until it is woken. That
    // befalls about one round of twelve.
    for call in 8..20 {
        let dir = tempfile::tempdir().unwrap();
        let injection = format!("sync_file_range:error=EIO:delay_enter=50000:when={call}");
        let mut strace = strace(&injection);
        // The hour is for the watchdog: the commit must be woken long before it would bite, however patient it is.
        strace.env(BULK_VARIABLE, "16").env(WATCHDOG_VARIABLE, "3600");
        let ended = WriterProcess::start_under(strace, dir.path()).wait();
        let told: Vec<_> = ended.failures.iter().map(String::as_str).collect();
        // Reads may fail as well: sled reads no page from a disk that failed it.
        let as_due = matches!(
            told[..],
            ["unknown", "unavailable, health Failed", "reads go on" | "reads fail"]
        );
        assert!(as_due, "call {call}: {told:?}, {}", ended.status);
        assert_kept_in(dir.path(), &ended.acknowledged).await;
    }
}

#[tokio::test]
async fn a_sync_that_hangs_ends_the_process() {
    if !trial::may_trace("a sync that hangs") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // Eight seconds, in microseconds; the watchdog allows three. strace lets go of the process
    // only when they are over, or this test would be quicker.
    let mut writer = tampered(dir.path(), "syncfs:delay_enter=8000000:when=30");
    let ended = writer.wait();
    // strace ends as the process that it traces did: by SIGABRT.
    assert_eq!(ended.status.signal(), Some(6), "{:?}", ended.status);
    assert!(ended.failures.is_empty(), "{:?}", ended.failures);
    assert_kept_in(dir.path(), &ended.acknowledged).await;
}
