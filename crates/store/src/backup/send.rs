//! Sending a backup part by part.
//!
//! A whole file is written first, since only a whole file is known to be good, and its bytes are given from there. What
//! always holds: the stream ends without an error only when all of the file was given; the file lies in a directory that
//! only its owner may read, and has no name any more while it is sent, so nothing is left of it however the stream ends.
//! By default that directory is the embedded store's own; one on another volume keeps a large backup from using up the
//! room of the store, and a store without a directory needs one.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    pin::Pin,
};

use bytes::{Bytes, BytesMut};
use futures::{Stream, stream};
use tokio::{fs::File, io::AsyncReadExt as _};
use uuid::Uuid;

use super::BackupError;

/// Bytes of one part: 64 KiB, far below any message limit and enough to keep the disk and the wire busy.
const PART_BYTES: u64 = 64 * 1024;

/// How the files that are being sent are called, until they lose their name.
const NAME_PREFIX: &str = "sending-";

/// Only the owner: a backup is as secret as the store.
const DIR_MODE: u32 = 0o700;

/// The parts of a backup, in order.
pub type BackupParts = Pin<Box<dyn Stream<Item = Result<Bytes, BackupError>> + Send>>;

/// Where in `dir` a backup may be written to be sent.
pub(crate) fn place(dir: &Path) -> PathBuf {
    dir.join(format!("{NAME_PREFIX}{}", Uuid::new_v4()))
}

/// Takes the name off the finished file and gives its parts.
pub(crate) async fn parts(path: PathBuf) -> Result<BackupParts, BackupError> {
    let io_error = |source| BackupError::Io { path: path.clone(), source };
    let opened = File::open(&path).await;
    fs::remove_file(&path).map_err(io_error)?;
    let file = opened.map_err(io_error)?;
    Ok(Box::pin(stream::unfold(Some((file, path)), |sending| async move {
        let (mut file, path) = sending?;
        match part(&mut file).await {
            Ok(part) if part.is_empty() => None,
            Ok(part) => Some((Ok(part), Some((file, path)))),
            Err(source) => Some((Err(BackupError::Io { path, source }), None)),
        }
    })))
}

async fn part(file: &mut File) -> io::Result<Bytes> {
    let mut part = BytesMut::new();
    let mut rest = file.take(PART_BYTES);
    while rest.read_buf(&mut part).await? > 0 {}
    Ok(part.freeze())
}

/// Makes the directory if it is missing, and removes what a killed process, or a caller who went away just then, has left
/// there between writing and sending. The caller has the directory to itself.
pub(crate) fn prepare(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir)?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(NAME_PREFIX) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
