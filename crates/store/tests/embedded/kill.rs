//! A process killed in the middle of writing keeps what it acknowledged.
//!
//! The writer is this test binary again, started as a process of its own that runs only
//! `the_writer_process`. It writes pairs of objects and prints each number after its commit.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use store::{
    At, CommitError, Key, Prefix, Revision, ScanOptions, Store, StoreConfig, StoreHealth, WatchFrom,
};

use crate::{commit, key, open};

const DIR_VARIABLE: &str = "STORE_TEST_WRITER_DIR";

/// Seconds that a commit of the writer may hang. A minute unless set, because a sync here waits for
/// whatever else the machine writes.
pub(crate) const WATCHDOG_VARIABLE: &str = "STORE_TEST_WRITER_WATCHDOG";

/// Says that a line is a number that was acknowledged, among whatever else the process prints.
const ACKNOWLEDGED: &str = "acknowledged ";

/// Says what went wrong in the writer.
const FAILURE: &str = "failure: ";

/// How a writer that was not killed ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) acknowledged: u64,
    pub(crate) failures: Vec<String>,
}

pub(crate) struct WriterProcess {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl WriterProcess {
    pub(crate) fn start(dir: &Path) -> WriterProcess {
        WriterProcess::spawn(Command::new(env::current_exe().unwrap()), dir)
    }

    /// Starts it as the argument of another program.
    pub(crate) fn start_under(mut program: Command, dir: &Path) -> WriterProcess {
        program.arg(env::current_exe().unwrap());
        WriterProcess::spawn(program, dir)
    }

    fn spawn(mut program: Command, dir: &Path) -> WriterProcess {
        let mut child = program
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

    /// Reads until the writer ends by itself.
    pub(crate) fn wait(&mut self) -> Ended {
        let (mut acknowledged, mut failures) = (0, Vec::new());
        for line in (&mut self.output).lines() {
            let line = line.unwrap();
            if let Some((_, number)) = line.split_once(ACKNOWLEDGED) {
                acknowledged = number.parse().unwrap();
            } else if let Some((_, failure)) = line.split_once(FAILURE) {
                failures.push(failure.to_owned());
            }
        }
        Ended { status: self.child.wait().unwrap(), acknowledged, failures }
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

    /// SIGSTOP: it writes nothing more until it is killed.
    pub(crate) fn stop(&self) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &process]).status().unwrap().success());
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

pub(crate) async fn count(store: &Store, name: &str) -> u64 {
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
    let seconds = env::var(WATCHDOG_VARIABLE).map_or(60, |seconds| seconds.parse().unwrap());
    let commit_watchdog = Duration::from_secs(seconds);
    let config = StoreConfig { commit_watchdog, ..StoreConfig::new(dir) };
    let store = open(config).await.unwrap();
    let mut number = count(&store, "last").await;
    loop {
        number += 1;
        let padding = "x".repeat((number % 10_000) as usize);
        let both = commit()
            .put(key("first"), number.to_string())
            .put(key(&format!("padding-{}", number % 50)), padding)
            .put(key("last"), number.to_string());
        let revision = match store.commit(both).await {
            Ok(committed) => committed.revision,
            Err(error) => return tell_failures(&store, error).await,
        };
        if number.is_multiple_of(100) {
            store.compact(Revision::new(revision.get() - 50)).await.unwrap();
        }
        say(&format!("{ACKNOWLEDGED}{number}"));
    }
}

/// `writeln` and not `println`, which the test runner may capture.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// What the store says after its disk failed.
async fn tell_failures(store: &Store, first: CommitError) {
    assert!(matches!(first, CommitError::OutcomeUnknown(_)), "{first}");
    say(&format!("{FAILURE}unknown"));
    let published = store.published();
    let second = store.commit(commit().put(key("after"), "x")).await.unwrap_err();
    assert!(matches!(second, CommitError::Unavailable(_)), "{second}");
    let health = store.health().borrow().clone();
    assert!(matches!(health, StoreHealth::Failed { .. }), "{health:?}");
    say(&format!("{FAILURE}unavailable, health Failed"));
    assert_eq!(store.published(), published);
    assert!(count(store, "last").await > 0);
    say(&format!("{FAILURE}reads go on"));
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
pub(crate) async fn everything_reads(store: &Store) {
    let everything = Prefix::everything();
    store.scan(&everything, ScanOptions::default()).await.unwrap();
    let at = At::Revision(store.oldest());
    store.scan(&everything, ScanOptions { at, ..ScanOptions::default() }).await.unwrap();
    let all = vec![Key::builder(1).prefix()];
    store.watch(all, WatchFrom::After(store.oldest())).await.unwrap();
}
