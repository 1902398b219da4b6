//! Disks that fail or hang, made by letting `strace` tamper with system calls of a writer.
//!
//! `syncfs` is a raw system call, so no preloaded library can do this. Where `strace` is missing
//! or may not trace, these tests say so and prove nothing; CI installs it.

use std::{
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
};

use store::StoreConfig;

use crate::{
    kill::{WATCHDOG_VARIABLE, WriterProcess, count},
    open,
};

/// Whether `strace` works here, tried on a harmless program.
fn can_trace() -> bool {
    let tried = Command::new("strace")
        .args(["-qq", "-e", "trace=none", "true"])
        .stderr(Stdio::null())
        .status();
    let works = tried.is_ok_and(|status| status.success());
    if !works {
        eprintln!("skipped: strace is missing or may not trace");
    }
    works
}

fn tampered(dir: &Path, injection: &str) -> WriterProcess {
    let mut strace = Command::new("strace");
    strace.env(WATCHDOG_VARIABLE, "3");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={injection}")]);
    WriterProcess::start_under(strace, dir)
}

/// What was acknowledged is there, and at most one more.
async fn assert_kept(dir: &Path, acknowledged: u64) {
    let store = open(StoreConfig::new(dir)).await.unwrap();
    let found = count(&store, "last").await;
    assert!(found >= acknowledged && found <= acknowledged + 1, "{found} of {acknowledged}");
    assert_eq!(count(&store, "first").await, found);
}

#[tokio::test]
async fn a_sync_that_fails_ends_all_writing_and_takes_nothing_acknowledged_back() {
    if !can_trace() {
        return;
    }
    for error in ["EIO", "ENOSPC"] {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = tampered(dir.path(), &format!("syncfs:error={error}:when=30+"));
        let ended = writer.wait();
        assert!(ended.acknowledged >= 20, "it worked until then");
        assert_eq!(
            ended.failures,
            ["unknown", "unavailable, health Failed", "reads go on"],
            "{error}"
        );
        assert_kept(dir.path(), ended.acknowledged).await;
    }
}

#[tokio::test]
async fn a_sync_that_succeeds_again_after_a_failure_is_not_believed() {
    if !can_trace() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // The kernel reports a lost write once; the next sync says that all is well.
    let mut writer = tampered(dir.path(), "syncfs:error=EIO:when=30");
    let ended = writer.wait();
    assert_eq!(ended.failures, ["unknown", "unavailable, health Failed", "reads go on"]);
    assert_kept(dir.path(), ended.acknowledged).await;
}

#[tokio::test]
async fn a_sync_that_hangs_ends_the_process() {
    if !can_trace() {
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
    assert_kept(dir.path(), ended.acknowledged).await;
}
