//! AcceptSnapshot: a snapshot that was refused is taken after all.

use proto::provisioning::v1::{AcceptSnapshotRequest, AcceptSnapshotResponse};
use rpc::{Failure, access::Caller};
use runtime::follow::Siblings;

/// What is refused, and unless it is only asked for, by now taken.
pub(super) async fn accept(
    siblings: &Siblings,
    caller: &Caller,
    request: AcceptSnapshotRequest,
) -> Result<AcceptSnapshotResponse, Failure> {
    let AcceptSnapshotRequest { source, snapshot, validate_only } = request;
    let refused = siblings.accept_snapshot(caller, &source, &snapshot, validate_only).await?;
    Ok(AcceptSnapshotResponse { snapshot: Some(refused) })
}
