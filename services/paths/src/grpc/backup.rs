//! Backup: the whole store as a stream of bytes, while it serves. The store makes the parts, this module the messages.

use names::Reason;
use std::pin::Pin;

use futures::{Stream, TryStreamExt as _};
use proto::paths::v1::BackupResponse;
use rpc::{Failure, Kind};
use store::{BackupError, Store};
use tonic::Status;

/// A backup on the wire.
pub(super) type BackupStream = Pin<Box<dyn Stream<Item = Result<BackupResponse, Status>> + Send>>;

/// Backs the store up and streams the parts.
pub(super) async fn stream(store: &Store) -> Result<BackupStream, Status> {
    let parts = store.backup_parts().await.map_err(unavailable)?;
    Ok(Box::pin(parts.map_ok(|chunk| BackupResponse { chunk }).map_err(unavailable)))
}

fn unavailable(error: BackupError) -> Status {
    let message = "the backup could not be made; look at the service's log and the disk's room, then try again";
    Failure::new(Kind::Unavailable, Reason::StoreUnavailable, message).source(error).into()
}
