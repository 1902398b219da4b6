//! The use case behind every service's AcceptSnapshot.
//!
//! Always holds: only a system administrator accepts, and only the snapshot that he names; it answers when that is taken.

use std::sync::Arc;

use names::Reason;
use proto::{
    shapes::{AcceptSnapshotRequest, AcceptSnapshotResponse},
    r#type::v1::{MissingObjects, RefusedSnapshot},
};
use rpc::{Answer, Failure, Kind, Refuse as _, Violations, access::Caller, open};
use tonic::{Request, Response};

use super::{gate::Refused, guard::Shortfall, sibling::Sibling};

/// The siblings that a service follows, for its AcceptSnapshot.
#[derive(Clone, Debug)]
pub struct Siblings(Arc<[Sibling]>);

impl Siblings {
    /// All that a service follows.
    #[must_use]
    pub fn new(all: impl IntoIterator<Item = Sibling>) -> Self {
        Self(all.into_iter().collect())
    }

    /// AcceptSnapshot of any service: takes the snapshot that a follower refused; with `validate_only` it only tells which one that
    /// is. Answers when the snapshot is taken.
    ///
    /// # Errors
    /// PERMISSION_DENIED for everyone but system administrators; INVALID_ARGUMENT for a source that is not followed or a
    /// snapshot that is not named; FAILED_PRECONDITION `NO_SNAPSHOT_REFUSED`; ABORTED `SNAPSHOT_CHANGED` when
    /// another one is refused; UNAVAILABLE when the process ends.
    pub async fn accept<R, A>(&self, request: Request<R>) -> Answer<A>
    where
        R: AcceptSnapshotRequest,
        A: AcceptSnapshotResponse,
    {
        let (caller, message) = open(request)?;
        let (source, snapshot, validate_only) = message.into_parts();
        let refused = self.take(&caller, &source, &snapshot, validate_only).await?;
        Ok(Response::new(A::of(refused)))
    }

    async fn take(
        &self,
        caller: &Caller,
        source: &str,
        snapshot: &str,
        validate_only: bool,
    ) -> Result<RefusedSnapshot, Failure> {
        let _system = caller.authorise_system()?;
        let sibling = self.asked(source, snapshot, validate_only)?;
        let refused = sibling.gate.refused().ok_or_else(|| nothing_refused(source))?;
        if !snapshot.is_empty() && refused.snapshot != snapshot {
            return Err(changed(&refused));
        }
        if !validate_only {
            let who = caller.audit_name();
            tracing::info!(target: "causeway::audit", who, source, snapshot, "a refused snapshot is accepted");
            sibling.accept(&refused).await?;
        }
        Ok(message(source, refused))
    }

    fn asked(
        &self,
        source: &str,
        snapshot: &str,
        validate_only: bool,
    ) -> Result<&Sibling, Failure> {
        let mut violations = Violations::new();
        let sibling = self.0.iter().find(|sibling| sibling.name == source);
        if sibling.is_none() {
            let names: Vec<_> = self.0.iter().map(|it| format!("`{}`", it.name)).collect();
            let fix = format!("this service follows {}; name one of them", names.join(" and "));
            let reason = if source.is_empty() { Reason::Required } else { Reason::UnknownValue };
            violations.add("source", reason, fix);
        }
        if snapshot.is_empty() && !validate_only {
            let fix = "send the `snapshot` that an answer with validate_only names";
            violations.add("snapshot", Reason::Required, fix);
        }
        violations.finish_with(|| sibling)
    }
}

impl Sibling {
    async fn accept(&self, refused: &Refused) -> Result<(), Failure> {
        let taken = self.around.stop.run_until_cancelled(self.gate.accept(&refused.snapshot)).await;
        match (taken, self.gate.refused()) {
            (Some(true), _) | (Some(false), None) => Ok(()),
            (Some(false), Some(now)) => Err(changed(&now)),
            (None, _) => Err(Failure::new(
                Kind::Unavailable,
                Reason::ShuttingDown,
                "the server stops before the snapshot was taken; accept it again",
            )),
        }
    }
}

fn nothing_refused(source: &str) -> Failure {
    let text = format!("no snapshot of {source} is refused, so there is nothing to accept");
    Failure::new(Kind::FailedPrecondition, Reason::NoSnapshotRefused, text.clone()).precondition(
        Reason::NoSnapshotRefused,
        source,
        text,
    )
}

fn changed(now: &Refused) -> Failure {
    let text = "another snapshot is refused by now; look at it with validate_only, and accept that";
    Failure::new(Kind::Aborted, Reason::SnapshotChanged, text).metadata("snapshot", &now.snapshot)
}

fn message(source: &str, refused: Refused) -> RefusedSnapshot {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let missing = |shortfall: Shortfall| MissingObjects {
        kind: shortfall.kind.to_owned(),
        held_count: count(shortfall.held),
        missing_count: count(shortfall.missing),
    };
    let Refused { snapshot, epoch_changed, missing: shortfalls, since } = refused;
    RefusedSnapshot {
        source: source.to_owned(),
        snapshot,
        epoch_changed,
        missing: shortfalls.into_iter().map(missing).collect(),
        refuse_time: Some(rpc::time::to_proto(since)),
    }
}
