//! Backup: the whole store as a stream of bytes, while it serves.
//!
//! Always holds: the stream ends without an error only when the file was sent whole; the file itself is written beside the
//! store, with the store's mode, and is gone when the stream is.

use std::{path::PathBuf, pin::Pin};

use futures::Stream;
use proto::provisioning::v1::BackupResponse;
use rpc::{Failure, Kind};
use tokio::{fs::File, io::AsyncReadExt};
use tonic::Status;

use crate::store::Records;

/// Bytes of one message: a few packets, and far below any message limit.
const CHUNK_BYTES: usize = 64 * 1024;

/// A backup on the wire.
pub(crate) type BackupStream = Pin<Box<dyn Stream<Item = Result<BackupResponse, Status>> + Send>>;

/// Makes backups.
#[derive(Clone)]
pub(crate) struct Backups {
    pub(crate) records: Records,
    /// The directory beside which the file is written.
    pub(crate) data_dir: PathBuf,
}

impl Backups {
    pub(crate) async fn stream(&self) -> Result<BackupStream, Failure> {
        let parent = self.data_dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.map_or_else(|| PathBuf::from("."), PathBuf::from);
        let scratch = tempfile::Builder::new().prefix(".backup-").tempdir_in(parent);
        let scratch = scratch.map_err(unavailable)?;
        let path = scratch.path().join("provisioning.backup");
        self.records.backup(&path).await.map_err(unavailable)?;
        let file = File::open(&path).await.map_err(unavailable)?;
        let chunks = futures::stream::unfold(Some((file, scratch)), |state| async {
            let (mut file, scratch) = state?;
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            match (&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk).await {
                Ok(0) => None,
                Ok(_) => Some((Ok(BackupResponse { chunk: chunk.into() }), Some((file, scratch)))),
                Err(error) => Some((Err(unavailable(error).into()), None)),
            }
        });
        Ok(Box::pin(chunks))
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    let message = "the backup could not be made; look at the disk's room, then try again";
    Failure::new(Kind::Unavailable, "STORE_UNAVAILABLE", message).source(error)
}
