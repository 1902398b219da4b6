//! A process killed in the middle of writing keeps what it acknowledged.
//!
//! The writer is this test binary again, started as a process of its own that runs only
//! `the_writer_process`. It writes pairs of objects and prints each number after its commit.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use store::{At, Key, Prefix, Revision, ScanOptions, Store, StoreConfig, WatchFrom};

use crate::{commit, key, open};

const DIR_VARIABLE: &str = "STORE_TEST_WRITER_DIR";

/// Says that a line is a number that was acknowledged, among whatever else the process prints.
const ACKNOWLEDGED: &str = "acknowledged ";

pub(crate) struct WriterProcess {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl WriterProcess {
    pub(crate) fn start(dir: &Path) -> WriterProcess {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "kill::the_writer_process", "--ignored", "--nocapture"])
            .env(DIR_VARIABLE, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        WriterProcess { child, output }
    }

    /// Reads acknowledgements until there were `count`; gives the last number.
    pub(crate) fn read_acknowledged(&mut self, count: usize) -> u64 {
        let mut last = None;
        for _ in 0..count {
            last = self.next_acknowledged();
        }
        last.expect("the writer goes on until it is killed")
    }

    fn next_acknowledged(&mut self) -> Option<u64> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some((_, number)) = line.trim_end().split_once(ACKNOWLEDGED) {
                return number.parse().ok();
            }
        }
    }

    /// SIGKILL; gives the last number that was acknowledged, if any was left to read.
    pub(crate) fn kill(&mut self) -> Option<u64> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut last = None;
        while let Some(number) = self.next_acknowledged() {
            last = Some(number);
        }
        last
    }
}

impl Drop for WriterProcess {
    fn drop(&mut self) {
        // Already dead after `kill`; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn count(store: &Store, name: &str) -> u64 {
    match store.get(&key(name), At::Published).await.unwrap() {
        Some(row) => std::str::from_utf8(&row.value).unwrap().parse().unwrap(),
        None => 0,
    }
}

/// Not a test: the body of the process that is killed.
#[tokio::test]
#[ignore = "runs only as the process that other tests start and kill"]
async fn the_writer_process() {
    let Ok(dir) = env::var(DIR_VARIABLE) else { return };
    let store = open(StoreConfig::new(dir)).await.unwrap();
    let mut number = count(&store, "last").await;
    loop {
        number += 1;
        let padding = "x".repeat((number % 10_000) as usize);
        let both = commit()
            .put(key("first"), number.to_string())
            .put(key(&format!("padding-{}", number % 50)), padding)
            .put(key("last"), number.to_string());
        let revision = store.commit(both).await.unwrap().revision;
        if number.is_multiple_of(100) {
            store.compact(Revision::new(revision.get() - 50)).await.unwrap();
        }
        // `writeln` and not `println`, which the test runner may capture.
        let mut out = std::io::stdout().lock();
        writeln!(out, "{ACKNOWLEDGED}{number}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_and_commits_stay_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut last_revision = Revision::ZERO;
    for round in 0..5 {
        let mut writer = WriterProcess::start(dir.path());
        let seen = writer.read_acknowledged(60 + round * 37);
        let acknowledged = writer.kill().unwrap_or(seen);

        let store = open(StoreConfig::new(dir.path())).await.unwrap();
        let found = count(&store, "last").await;
        assert!(found >= acknowledged, "round {round}: {found} of {acknowledged}");
        assert!(found <= acknowledged + 1, "one commit at most was under way");
        assert_eq!(count(&store, "first").await, found, "a commit is whole or not there");
        assert!(store.published() > last_revision);
        last_revision = store.published();
        everything_reads(&store).await;
        store.close().await;
    }
}

/// Every row and every kept commit can be read.
async fn everything_reads(store: &Store) {
    let everything = Prefix::everything();
    store.scan(&everything, ScanOptions::default()).await.unwrap();
    let at = At::Revision(store.oldest());
    store.scan(&everything, ScanOptions { at, ..ScanOptions::default() }).await.unwrap();
    let all = vec![Key::builder(1).prefix()];
    store.watch(all, WatchFrom::After(store.oldest())).await.unwrap();
}
