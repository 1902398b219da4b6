//! What callers did and were told, each with its place in time.
//!
//! Owns: the clock of a history, its calls by key, and what a failed call means. Always holds: moments are numbers that never
//! repeat, so a call that was answered before another was sent stands before it; an answer that says whether the call took
//! place is told apart from one that does not. Absent on purpose: the machine's clock.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use rpc::{Failure, Kind};
use tonic::Status;

use super::{
    linearizable::{Timed, explain},
    object::{Call, Object, Objects, Refusal},
};

/// The calls of a suite, by the number of the object that they are about.
#[derive(Default)]
pub(super) struct History {
    moment: AtomicU64,
    calls: Mutex<BTreeMap<usize, Vec<Timed<Call>>>>,
}

impl History {
    /// A moment after every one before.
    pub(super) fn now(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn record(&self, key: usize, timed: Timed<Call>) {
        self.calls.lock().unwrap().entry(key).or_default().push(timed);
    }

    /// Calls of one object.
    pub(super) fn of(&self, key: usize) -> Vec<Timed<Call>> {
        self.calls.lock().unwrap().get(&key).cloned().unwrap_or_default()
    }

    /// Every object that was asked for.
    pub(super) fn keys(&self) -> Vec<usize> {
        self.calls.lock().unwrap().keys().copied().collect()
    }

    /// How many calls there are, and how many of them were never answered.
    pub(super) fn len(&self) -> (usize, usize) {
        let calls = self.calls.lock().unwrap();
        let all = || calls.values().flatten();
        (all().count(), all().filter(|timed| timed.answered.is_none()).count())
    }

    /// Every object's calls have an explanation that begins with `start`.
    pub(super) fn expect_linearizable(&self, model: &Objects, start: Object) {
        for key in self.keys() {
            let mut calls = self.of(key);
            if let Err(why) = explain(model, start, &calls) {
                calls.sort_by_key(|timed| timed.sent);
                let lines: Vec<_> = calls.iter().map(|timed| format!("{timed:?}")).collect();
                let lines = lines.join("\n");
                panic!("no order explains what was told of object {key}: {why:#?}\n{lines}");
            }
        }
    }
}

/// What a failed call means.
#[derive(Debug)]
pub(super) enum Failed {
    /// It was decided, against the caller.
    Refused(Refusal),
    /// It did nothing, and says nothing of the object: shed, or too many races lost.
    Undone,
    /// Nobody knows whether it took place.
    Cut(Status),
}

/// Reads a failure. Anything that no call of these suites may be told is a finding.
pub(super) fn judge(status: Status) -> Failed {
    let failure = Failure::from_status(&status);
    match (failure.kind(), failure.reason()) {
        (Kind::NotFound, "RESOURCE_NOT_FOUND") => Failed::Refused(Refusal::Missing),
        (Kind::AlreadyExists, "NAME_TAKEN") => Failed::Refused(Refusal::Exists),
        (Kind::FailedPrecondition, "DELETED") => Failed::Refused(Refusal::Deleted),
        (Kind::Aborted, "ETAG_MISMATCH") => Failed::Refused(Refusal::Stale),
        (Kind::FailedPrecondition, "KEY_EXHAUSTED") => Failed::Refused(Refusal::Exhausted),
        (Kind::PermissionDenied, "KEY_UNKNOWN") => Failed::Refused(Refusal::Unknown),
        (Kind::InvalidArgument, _)
            if failure.violations().iter().any(|one| one.reason == "BELOW_USE_COUNT") =>
        {
            Failed::Refused(Refusal::BelowUses)
        }
        (Kind::ResourceExhausted, "OVERLOADED" | "ENROLMENT_RATE_LIMITED")
        | (Kind::Aborted, "CONTENDED") => Failed::Undone,
        (Kind::Unavailable | Kind::DeadlineExceeded | Kind::Cancelled, _)
        // A connection that broke in the middle of an answer; the server's own defects have a reason.
        | (Kind::Internal, "") => Failed::Cut(status),
        _ => panic!("nobody may be told this here: {status:?}"),
    }
}
