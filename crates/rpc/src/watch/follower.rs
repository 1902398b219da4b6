//! Following a sibling's Watch: snapshot, changes, and going on after any break.
//!
//! Owns: [`Follower`], which turns a stream that may end at any time into an endless sequence of [`Update`]s.
//! Always holds: between two resets every commit arrives whole and in order; a token moves only when the caller says with
//! [`Follower::pass`] that it has applied what came with it, so a break repeats what was not applied and loses nothing;
//! everything is read again only when the server says that the token is of no use, or the caller asks for it.
//! Absent on purpose: where the copy is kept, and with it the last token.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures::StreamExt as _;
use proto::r#type::v1::WatchPhase;
use tonic::{Code, Status};

use super::{Batch, Batches, Source};

/// Pause before the first attempt to connect again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause between attempts: what a sibling's restart may add to the age of a copy.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A stream that says nothing for this long is dead: three times the 30 s within which the contract promises a bookmark
/// (`WATCH_PHASE_BOOKMARK`). Our own servers send one every 5 s, but a server that keeps its promise must not be cut; a
/// peer that is gone is found by the connection's keep-alive long before.
const SILENCE_LIMIT: Duration = Duration::from_secs(90);

/// What happened at the sibling.
#[derive(Clone, Debug)]
pub enum Update<E> {
    /// Everything there is now. What is not in it is gone.
    Reset(Vec<E>),
    /// The changes of one commit.
    Commit(Vec<E>),
    /// Nothing changed; the copy is current as of now.
    Alive,
    /// The stream broke, or could not be opened; the copy ages until the next update.
    Lost(Status),
}

/// Follows one Watch for ever.
pub struct Follower<S: Source> {
    source: S,
    stream: Option<Batches<S::Event>>,
    pauses: ExponentialBackoff,
    /// From where to go on after a break: everything before it is applied.
    token: String,
    /// The token of the last update.
    given: String,
    pending: Vec<S::Event>,
    in_snapshot: bool,
    /// The last attempt ended badly: wait before the next.
    broke: bool,
    jitter_seed: u64,
}

impl<S: Source> Follower<S> {
    /// Follows from a token that was kept with a copy, or from a snapshot when it is empty. `jitter_seed` spreads
    /// the attempts of many followers.
    pub fn new(source: S, resume_token: String, jitter_seed: u64) -> Self {
        Self {
            source,
            stream: None,
            pauses: pauses(jitter_seed),
            given: resume_token.clone(),
            token: resume_token,
            pending: Vec::new(),
            in_snapshot: false,
            broke: false,
            jitter_seed,
        }
    }

    /// From where to go on after the last update that [`Follower::next`] gave. Empty when the server gave no token.
    #[must_use]
    pub fn given_token(&self) -> &str {
        &self.given
    }

    /// The last update is applied: after a break what follows it comes next.
    pub fn pass(&mut self) {
        self.token.clone_from(&self.given);
    }

    /// Leaves the stream and goes on from a token; from a snapshot when it is empty.
    pub fn resume_from(&mut self, token: String) {
        self.drop_stream();
        self.token = token;
    }

    /// The next thing that happens. Cancel-safe: what was received of a commit or snapshot is kept for the next call.
    pub async fn next(&mut self) -> Update<S::Event> {
        loop {
            let Some(stream) = &mut self.stream else {
                if let Some(lost) = self.connect().await {
                    return lost;
                }
                continue;
            };
            let batch = match tokio::time::timeout(SILENCE_LIMIT, stream.next()).await {
                Ok(Some(Ok(batch))) => batch,
                Ok(Some(Err(status))) => return self.lose(status),
                Ok(None) => return self.lose(Status::unavailable("the watch ended")),
                Err(_) => return self.lose(Status::deadline_exceeded("the watch fell silent")),
            };
            self.pauses = pauses(self.jitter_seed);
            if let Some(update) = self.take(batch) {
                return update;
            }
        }
    }

    /// Opens the stream, after a pause if the last attempt broke; a failure is told.
    async fn connect(&mut self) -> Option<Update<S::Event>> {
        if self.broke {
            tokio::time::sleep(self.pauses.next().unwrap_or(LONGEST_PAUSE)).await;
            self.broke = false;
        }
        let opening = tokio::time::timeout(SILENCE_LIMIT, self.source.open(self.token.clone()));
        let silent = || Status::deadline_exceeded("the watch was not answered");
        match opening.await.unwrap_or_else(|_| Err(silent())) {
            Ok(stream) => {
                self.stream = Some(stream);
                self.pending.clear();
                self.in_snapshot = false;
                None
            }
            Err(status) => Some(self.lose(status)),
        }
    }

    fn take(&mut self, batch: Batch<S::Event>) -> Option<Update<S::Event>> {
        match batch.phase {
            WatchPhase::Snapshot => {
                self.in_snapshot = true;
                self.pending.extend(batch.events);
                None
            }
            WatchPhase::SnapshotEnd => {
                self.in_snapshot = false;
                self.given = batch.resume_token;
                Some(Update::Reset(std::mem::take(&mut self.pending)))
            }
            WatchPhase::Changes => {
                self.pending.extend(batch.events);
                if !batch.end_of_commit {
                    return None;
                }
                self.given = batch.resume_token;
                Some(Update::Commit(std::mem::take(&mut self.pending)))
            }
            WatchPhase::Bookmark if self.in_snapshot => None,
            WatchPhase::Bookmark => {
                self.given = batch.resume_token;
                Some(Update::Alive)
            }
            WatchPhase::Unspecified => {
                Some(self.lose(Status::internal("a watch response has no phase")))
            }
        }
    }

    fn lose(&mut self, status: Status) -> Update<S::Event> {
        self.drop_stream();
        self.broke = true;
        self.lose_token_if_useless(&status);
        Update::Lost(status)
    }

    fn drop_stream(&mut self) {
        self.stream = None;
        self.pending.clear();
        self.in_snapshot = false;
    }

    /// OUT_OF_RANGE: compacted, or of another epoch. Everything has to be read again.
    fn lose_token_if_useless(&mut self, status: &Status) {
        if matches!(status.code(), Code::OutOfRange | Code::InvalidArgument) {
            self.token.clear();
        }
    }
}

fn pauses(seed: u64) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .with_jitter()
        .with_jitter_seed(seed)
        .build()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// What the server does on each open: fail, or play these responses and end.
    enum Act {
        Refuse(Code),
        Play(Vec<Batch<u32>>),
    }

    struct Script {
        acts: VecDeque<Act>,
        tokens: Vec<String>,
    }

    impl Source for Script {
        type Event = u32;

        async fn open(&mut self, resume_token: String) -> Result<Batches<u32>, Status> {
            self.tokens.push(resume_token);
            match self.acts.pop_front() {
                Some(Act::Play(batches)) => {
                    Ok(Box::pin(futures::stream::iter(batches.into_iter().map(Ok))))
                }
                Some(Act::Refuse(code)) => Err(Status::new(code, "refused")),
                None => Ok(Box::pin(futures::stream::pending())),
            }
        }
    }

    fn batch(phase: WatchPhase, events: &[u32], end_of_commit: bool, token: &str) -> Batch<u32> {
        Batch { phase, events: events.to_vec(), end_of_commit, resume_token: token.to_owned() }
    }

    fn follower(acts: Vec<Act>) -> Follower<Script> {
        Follower::new(Script { acts: acts.into(), tokens: Vec::new() }, String::new(), 7)
    }

    /// The update as a line to compare; it counts as applied.
    async fn line(follower: &mut Follower<Script>) -> String {
        let line = seen(follower).await;
        if !line.starts_with("lost") {
            follower.pass();
        }
        line
    }

    /// The update as a line to compare, not applied.
    async fn seen(follower: &mut Follower<Script>) -> String {
        match follower.next().await {
            Update::Reset(all) => format!("reset {all:?}"),
            Update::Commit(changes) => format!("commit {changes:?}"),
            Update::Alive => "alive".to_owned(),
            Update::Lost(status) => format!("lost {:?}", status.code()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_in_pages_is_one_reset_and_a_commit_in_parts_is_one_commit() {
        let mut follower = follower(vec![Act::Play(vec![
            batch(WatchPhase::Snapshot, &[1], false, ""),
            batch(WatchPhase::Snapshot, &[2], false, ""),
            batch(WatchPhase::SnapshotEnd, &[], false, "t1"),
            batch(WatchPhase::Changes, &[3], false, ""),
            batch(WatchPhase::Changes, &[4], true, "t2"),
            batch(WatchPhase::Bookmark, &[], false, "t3"),
        ])]);
        assert_eq!(line(&mut follower).await, "reset [1, 2]");
        assert_eq!(follower.given_token(), "t1");
        assert_eq!(line(&mut follower).await, "commit [3, 4]");
        assert_eq!(line(&mut follower).await, "alive");
        assert_eq!(follower.given_token(), "t3");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_break_it_goes_on_from_the_last_whole_commit() {
        let mut follower = follower(vec![
            Act::Play(vec![
                batch(WatchPhase::SnapshotEnd, &[], false, "t1"),
                batch(WatchPhase::Changes, &[1], false, ""),
            ]),
            Act::Refuse(Code::Unavailable),
            Act::Play(vec![batch(WatchPhase::Changes, &[1, 2], true, "t2")]),
        ]);
        assert_eq!(line(&mut follower).await, "reset []");
        assert_eq!(line(&mut follower).await, "lost Unavailable");
        assert_eq!(line(&mut follower).await, "lost Unavailable");
        assert_eq!(line(&mut follower).await, "commit [1, 2]");
        assert_eq!(follower.source.tokens, ["", "t1", "t1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_commit_that_was_not_applied_comes_again_after_a_break() {
        let commit = || batch(WatchPhase::Changes, &[1], true, "t2");
        let mut follower = follower(vec![
            Act::Play(vec![batch(WatchPhase::SnapshotEnd, &[], false, "t1"), commit()]),
            Act::Play(vec![commit()]),
        ]);
        assert_eq!(line(&mut follower).await, "reset []");
        assert_eq!(seen(&mut follower).await, "commit [1]");
        assert_eq!(seen(&mut follower).await, "lost Unavailable");
        assert_eq!(line(&mut follower).await, "commit [1]");
        follower.resume_from("elsewhere".to_owned());
        assert!(futures::poll!(Box::pin(follower.next())).is_pending());
        assert_eq!(follower.source.tokens, ["", "t1", "elsewhere"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_out_of_range_is_dropped_and_everything_is_read_again() {
        let mut follower = follower(vec![
            Act::Play(vec![batch(WatchPhase::SnapshotEnd, &[], false, "old")]),
            Act::Refuse(Code::OutOfRange),
            Act::Play(vec![batch(WatchPhase::SnapshotEnd, &[], false, "new")]),
        ]);
        assert_eq!(line(&mut follower).await, "reset []");
        assert_eq!(line(&mut follower).await, "lost Unavailable");
        assert_eq!(line(&mut follower).await, "lost OutOfRange");
        assert_eq!(line(&mut follower).await, "reset []");
        assert_eq!(follower.source.tokens, ["", "old", ""]);
    }
}
