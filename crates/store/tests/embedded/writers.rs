//! Writers in a process of their own, which can be stopped, starved and killed.
//!
//! The process is this test binary again, running only `the_writer_process`: one store and several writers. Each of them
//! writes a pair of counts and an object of its own in one commit, and prints its number after it.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::Duration,
};

use futures::future::join_all;
use store::{
    At, CommitError, EmbeddedConfig, Key, Prefix, ReadError, Revision, ScanOptions, Store,
    StoreConfig, StoreHealth, WatchFrom,
};

use crate::{commit, key, open};

const DIR_VARIABLE: &str = "STORE_TEST_WRITER_DIR";

/// How many writers; one unless set.
const WRITERS_VARIABLE: &str = "STORE_TEST_WRITERS";

/// Seconds that a commit of the writer may hang. A minute unless set, because a sync here waits for
/// whatever else the machine writes.
pub(crate) const WATCHDOG_VARIABLE: &str = "STORE_TEST_WRITER_WATCHDOG";

/// Large rows that each commit carries besides; none unless set. Sixteen are nearly the most that a commit may weigh.
pub(crate) const BULK_VARIABLE: &str = "STORE_TEST_WRITER_BULK";

/// Bytes of a large row: just below the most that a value may have.
const BULK_BYTES: usize = 60_000;

/// Says that a line is a writer and a number that was acknowledged, among whatever else is printed.
const ACKNOWLEDGED: &str = "acknowledged ";

/// Says what went wrong in the writer.
const FAILURE: &str = "failure: ";

/// More than a process prints whose disk fails at the thirtieth sync.
const MOST_LINES: usize = 1_000;

/// The last number of each writer that was acknowledged.
pub(crate) type Acknowledged = BTreeMap<u64, u64>;

/// How a process that was not killed ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) acknowledged: Acknowledged,
    pub(crate) failures: Vec<String>,
}

pub(crate) struct WriterProcess {
    child: Child,
    output: BufReader<ChildStdout>,
    acknowledged: Acknowledged,
}

impl WriterProcess {
    /// One writer.
    pub(crate) fn start(dir: &Path) -> WriterProcess {
        WriterProcess::spawn(Command::new(env::current_exe().unwrap()), dir)
    }

    /// Several writers at once.
    pub(crate) fn start_many(writers: u64, dir: &Path) -> WriterProcess {
        let mut program = Command::new(env::current_exe().unwrap());
        program.env(WRITERS_VARIABLE, writers.to_string());
        WriterProcess::spawn(program, dir)
    }

    /// Starts one writer as the argument of another program.
    pub(crate) fn start_under(mut program: Command, dir: &Path) -> WriterProcess {
        program.arg(env::current_exe().unwrap());
        WriterProcess::spawn(program, dir)
    }

    fn spawn(mut program: Command, dir: &Path) -> WriterProcess {
        let mut child = program
            .args(["--exact", "writers::the_writer_process", "--ignored", "--nocapture"])
            .env(DIR_VARIABLE, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        WriterProcess { child, output, acknowledged: Acknowledged::new() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads acknowledgements until there were `count` more.
    pub(crate) fn read_acknowledged(&mut self, count: usize) {
        for _ in 0..count {
            assert!(self.next_acknowledged(), "the writers go on until they are killed");
        }
    }

    /// Reads until the process ends by itself, which its disk leaves it no choice but to do.
    pub(crate) fn wait(&mut self) -> Ended {
        let mut failures = Vec::new();
        let mut lines = 0..MOST_LINES;
        while let Some(line) = self.next_line() {
            assert!(lines.next().is_some(), "it goes on on a disk that failed: {line}");
            if let Some((_, failure)) = line.split_once(FAILURE) {
                failures.push(failure.to_owned());
            }
        }
        let acknowledged = self.acknowledged.clone();
        Ended { status: self.child.wait().unwrap(), acknowledged, failures }
    }

    fn next_acknowledged(&mut self) -> bool {
        while let Some(line) = self.next_line() {
            if line.contains(ACKNOWLEDGED) {
                return true;
            }
        }
        false
    }

    fn next_line(&mut self) -> Option<String> {
        let mut line = String::new();
        // A killed process may leave half a line.
        if self.output.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
            return None;
        }
        if let Some((_, numbers)) = line.trim_end().split_once(ACKNOWLEDGED) {
            let (writer, number) = numbers.split_once(' ').unwrap();
            self.acknowledged.insert(writer.parse().unwrap(), number.parse().unwrap());
        }
        Some(line.trim_end().to_owned())
    }

    /// SIGKILL; gives what had been acknowledged.
    pub(crate) fn kill(&mut self) -> Acknowledged {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        while self.next_acknowledged() {}
        self.acknowledged.clone()
    }
}

impl Drop for WriterProcess {
    fn drop(&mut self) {
        // Already dead after `kill`; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first(writer: u64) -> Key {
    key(&format!("first-{writer}"))
}

fn last(writer: u64) -> Key {
    key(&format!("last-{writer}"))
}

/// What one commit leaves for ever.
fn kept(writer: u64, number: u64) -> Key {
    key(&format!("kept-{writer}-{number}"))
}

async fn count(store: &Store, key: Key) -> u64 {
    match store.get(&key, At::Published).await.unwrap() {
        Some(row) => std::str::from_utf8(&row.value).unwrap().parse().unwrap(),
        None => 0,
    }
}

/// Every commit that was acknowledged is there, and of each writer at most the one that was under
/// way; each is whole, and everything reads. Gives how far the writers are.
pub(crate) async fn assert_kept(store: &Store, acknowledged: &Acknowledged) -> Acknowledged {
    let mut all_found = Acknowledged::new();
    for (&writer, &acknowledged) in acknowledged {
        let found = count(store, last(writer)).await;
        assert!(found >= acknowledged, "writer {writer}: {found} of {acknowledged} acknowledged");
        assert!(found <= acknowledged + 1, "one commit at most was under way");
        assert_eq!(count(store, first(writer)).await, found, "a commit is whole or not there");
        for number in 1..=found {
            let row = store.get(&kept(writer, number), At::Published).await.unwrap();
            assert!(row.is_some(), "writer {writer}: commit {number} of {found} is gone");
        }
        all_found.insert(writer, found);
    }
    everything_reads(store).await;
    all_found
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

fn number_in(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).map_or(otherwise, |number| number.parse().unwrap())
}

/// Not a test: the body of the process that is killed.
#[tokio::test]
#[ignore = "runs only as the process that other tests start and kill"]
async fn the_writer_process() {
    let Ok(dir) = env::var(DIR_VARIABLE) else { return };
    let commit_watchdog = Duration::from_secs(number_in(WATCHDOG_VARIABLE, 60));
    let engine = EmbeddedConfig { commit_watchdog, ..EmbeddedConfig::new(dir) };
    let store = open(StoreConfig::embedded(engine)).await.unwrap();
    let writers = 0..number_in(WRITERS_VARIABLE, 1);
    join_all(writers.map(|writer| write(&store, writer))).await;
}

/// Writes until the store fails.
async fn write(store: &Store, writer: u64) {
    let mut number = count(store, last(writer)).await;
    loop {
        number += 1;
        let padding = "x".repeat((number % 10_000) as usize);
        let bulk = (0..number_in(BULK_VARIABLE, 0)).fold(commit(), |commit, row| {
            commit.put(key(&format!("bulk-{row}")), "x".repeat(BULK_BYTES))
        });
        let all = bulk
            .put(first(writer), number.to_string())
            .put(key(&format!("padding-{}", number % 50)), padding)
            .put(kept(writer, number), "")
            .put(last(writer), number.to_string());
        let revision = match store.commit(all).await {
            Ok(committed) => committed.revision,
            Err(error) => return tell_failures(store, writer, error).await,
        };
        if number.is_multiple_of(100) {
            store.compact(Revision::new(revision.get() - 50)).await.unwrap();
        }
        say(&format!("{ACKNOWLEDGED}{writer} {number}"));
    }
}

/// `writeln` and not `println`, which the test runner may capture.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// What the store says after its disk failed.
async fn tell_failures(store: &Store, writer: u64, error: CommitError) {
    assert!(matches!(error, CommitError::OutcomeUnknown(_)), "{error}");
    say(&format!("{FAILURE}unknown"));
    let published = store.published();
    let second = store.commit(commit().put(key("after"), "x")).await.unwrap_err();
    assert!(matches!(second, CommitError::Unavailable(_)), "{second}");
    let health = store.health().borrow().clone();
    assert!(matches!(health, StoreHealth::Failed { .. }), "{health:?}");
    say(&format!("{FAILURE}unavailable, health Failed"));
    assert_eq!(store.published(), published);
    match store.get(&last(writer), At::Published).await {
        Ok(row) => {
            assert!(row.is_some(), "what was acknowledged reads as nothing");
            say(&format!("{FAILURE}reads go on"));
        }
        // A page that is not in memory.
        Err(ReadError::Unavailable(_)) => say(&format!("{FAILURE}reads fail")),
        Err(other) => panic!("{other}"),
    }
}
