//! Backup: the whole store as a stream of bytes, while it serves.
//!
//! Always holds: the stream ends without an error only when the file was sent whole; the file lies beside the store and is
//! gone with the stream.

use std::{path::PathBuf, pin::Pin};

use bytes::BytesMut;
use futures::Stream;
use proto::updates::v1::BackupResponse;
use rpc::{Failure, Kind};
use tokio::{fs::File, io::AsyncReadExt};
use tonic::Status;

use crate::store::Keeper;

/// Bytes of one message: a few packets, and far below any message limit.
const CHUNK_BYTES: usize = 64 * 1024;

/// A backup on the wire.
pub(super) type BackupStream = Pin<Box<dyn Stream<Item = Result<BackupResponse, Status>> + Send>>;

/// Writes a backup beside the store in `data_dir`, then streams it.
pub(super) async fn stream(keeper: &Keeper, data_dir: PathBuf) -> Result<BackupStream, Failure> {
    let beside = data_dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let beside = beside.map_or_else(|| PathBuf::from("."), PathBuf::from);
    let scratch = tempfile::Builder::new().prefix(".backup-").tempdir_in(beside);
    let scratch = scratch.map_err(unavailable)?;
    let path = scratch.path().join("updates.backup");
    keeper.store().backup(&path).await.map_err(unavailable)?;
    let file = File::open(&path).await.map_err(unavailable)?;
    // The directory goes with the stream, whether it ends or is dropped.
    let chunks = futures::stream::unfold(Some((file, scratch)), |state| async {
        let (mut file, scratch) = state?;
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        match file.read_buf(&mut chunk).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(BackupResponse { chunk: chunk.freeze() }), Some((file, scratch)))),
            Err(error) => Some((Err(unavailable(error).into()), None)),
        }
    });
    Ok(Box::pin(chunks))
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    let message = "the backup could not be made: look at the disk's room, then try again";
    Failure::new(Kind::Unavailable, "STORE_UNAVAILABLE", message).source(error)
}
