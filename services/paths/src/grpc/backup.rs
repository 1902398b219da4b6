//! A whole store as a stream.

use std::{path::Path, pin::Pin};

use anyhow::Context as _;
use bytes::Bytes;
use futures::Stream;
use proto::paths::v1::BackupResponse;
use store::Store;
use tokio::io::AsyncReadExt as _;
use tonic::Status;

use crate::error::Error;

/// Bytes in one message.
const CHUNK_BYTES: usize = 64 * 1024;

/// The stream.
pub(super) type Chunks = Pin<Box<dyn Stream<Item = Result<BackupResponse, Status>> + Send>>;

/// Writes a backup beside the store, and sends it; the file goes with the stream.
pub(super) async fn chunks(store: &Store, data_dir: &Path) -> Result<Chunks, Error> {
    let open = async {
        let room = tempfile::Builder::new().prefix("backup-").tempdir_in(data_dir)?;
        let path = room.path().join("paths.backup");
        store.backup(&path).await.context("writing the backup")?;
        let file = tokio::fs::File::open(&path).await.context("opening the backup")?;
        Ok((room, file))
    };
    let (room, mut file) = open.await.map_err(Error::Backup)?;
    Ok(Box::pin(async_stream::try_stream! {
        let _room = room;
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let read = file.read(&mut chunk).await.map_err(|e| Error::Backup(e.into()))?;
            if read == 0 {
                break;
            }
            chunk.truncate(read);
            yield BackupResponse { chunk: Bytes::from(chunk) };
        }
    }))
}
