//! A backup as a stream of a method's chunks.

use std::pin::Pin;

use futures::{Stream, StreamExt as _};
use rpc::{Failure, Kind, Reason, access::Caller};
use store::Store;
use tonic::Status;

/// A backup on the wire.
pub type Chunks<C> = Pin<Box<dyn Stream<Item = Result<C, Status>> + Send>>;

/// Writes a backup of the store and sends it in the order of the file; `chunk` makes a response of a part. Whoever reads it has
/// everything that the service keeps, so it is for system administrators, and the audit log says who it was.
///
/// # Errors
/// PERMISSION_DENIED for others; UNAVAILABLE STORE_UNAVAILABLE when it cannot be written, for lack of disk for example.
pub async fn stream<C: 'static>(
    caller: &Caller,
    store: &Store,
    chunk: impl Fn(bytes::Bytes) -> C + Send + 'static,
) -> Result<Chunks<C>, Status> {
    let _everything = caller.authorise_system()?;
    let parts = store.backup_parts().await.map_err(failure)?;
    tracing::info!(target: "causeway::audit", who = caller.audit_name(), "a backup is read");
    Ok(Box::pin(parts.map(move |part| part.map(&chunk).map_err(failure))))
}

fn failure(error: impl std::error::Error + Send + Sync + 'static) -> Status {
    let message = "the backup could not be made; look at the server's log, mend it, and try again";
    Failure::new(Kind::Unavailable, Reason::StoreUnavailable, message).source(error).into()
}
