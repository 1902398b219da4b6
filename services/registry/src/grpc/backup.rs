//! Streaming a backup of the store.
//!
//! The store writes a whole file first, since only a whole file is known to be good; it is sent from there and removed
//! when the stream ends, however it ends.

use std::{
    path::{Path, PathBuf},
    pin::Pin,
};

use futures::{Stream, stream};
use proto::registry::v1::BackupResponse;
use rpc::{Failure, Kind as Code};
use store::Store;
use tokio::{fs::File, io::AsyncReadExt};
use tonic::Status;
use uuid::Uuid;

/// Bytes of one part, as the contract says.
const PART_BYTES: usize = 64 * 1024;

/// The parts of a file.
pub(super) type Parts = Pin<Box<dyn Stream<Item = Result<BackupResponse, Status>> + Send>>;

/// Removes the file when dropped.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "a sent backup was not removed");
        }
    }
}

/// Backs the store up into `dir` and streams the file.
pub(super) async fn stream(store: &Store, dir: &Path) -> Result<Parts, Status> {
    let path = dir.join(format!("backup-{}", Uuid::new_v4()));
    let written = store.backup(&path).await;
    written.map_err(|error| unavailable(error.to_string()))?;
    let temporary = Temporary(path);
    let file = File::open(&temporary.0).await.map_err(|error| unavailable(error.to_string()))?;
    Ok(Box::pin(stream::unfold(Some((file, temporary)), |sending| async move {
        let (mut file, temporary) = sending?;
        match part(&mut file).await {
            Ok(None) => None,
            Ok(Some(part)) => Some((Ok(part), Some((file, temporary)))),
            Err(error) => Some((Err(unavailable(error.to_string())), None)),
        }
    })))
}

async fn part(file: &mut File) -> std::io::Result<Option<BackupResponse>> {
    let mut chunk = vec![0; PART_BYTES];
    let mut filled = 0;
    while filled < chunk.len() {
        match file.read(&mut chunk[filled..]).await? {
            0 => break,
            read => filled += read,
        }
    }
    chunk.truncate(filled);
    Ok((filled > 0).then(|| BackupResponse { chunk: chunk.into() }))
}

fn unavailable(source: String) -> Status {
    let failure = Failure::new(
        Code::Unavailable,
        "STORE_UNAVAILABLE",
        "the backup could not be made; look at the service's log and disk, then try again",
    );
    failure.source(source).into()
}
