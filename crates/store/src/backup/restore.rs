//! Checking a backup, and making a new store of it.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use tokio::{sync::mpsc, task};

use super::{
    BackupError, BackupSummary,
    file::{FORMAT, Frame, FrameError, FrameReader},
    write::{sync_parent, with_suffix},
};
use crate::{
    commit::{MAX_COMMIT_BYTES, MAX_COMMIT_OPS, Write},
    config::EmbeddedConfig,
    embedded::Embedded,
    engine::{Engine, Transaction},
    format::{self, RecordFormat},
    key::Key,
    revision::Epoch,
};

/// Commits that may wait for the new store.
const COMMITS_AHEAD: usize = 16;

/// Reads a backup from end to end.
///
/// # Errors
/// The file cannot be read, is not whole, or has a later format.
pub async fn verify(file: impl AsRef<Path>) -> Result<BackupSummary, BackupError> {
    let path = file.as_ref().to_owned();
    blocking(path.clone(), move || read_rows(&path, |_| true)).await
}

/// Makes a new store in `dir` from a backup and gives its new epoch. `dir` must not exist or be
/// empty; it gets the store whole or not at all.
///
/// # Errors
/// The backup is not whole, the directory is taken, or the new store cannot be written.
pub async fn restore(file: impl AsRef<Path>, dir: impl AsRef<Path>) -> Result<Epoch, BackupError> {
    let (file, dir) = (file.as_ref(), dir.as_ref());
    check_free(dir)?;
    let unfinished = with_suffix(dir, ".restoring");
    check_free(&unfinished)?;
    verify(file).await?;
    let restored = fill(file, &unfinished).await;
    if restored.is_err() {
        // What is left has a name that nobody opens; the error to report is the first one.
        let _ = fs::remove_dir_all(&unfinished);
    }
    let epoch = restored?;
    let io_error = |source| BackupError::Io { path: dir.to_owned(), source };
    fs::rename(&unfinished, dir).map_err(io_error)?;
    sync_parent(dir).map_err(io_error)?;
    Ok(epoch)
}

fn check_free(dir: &Path) -> Result<(), BackupError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(BackupError::NotEmpty { dir: dir.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(BackupError::Io { path: dir.to_owned(), source }),
    }
}

async fn fill(file: &Path, dir: &Path) -> Result<Epoch, BackupError> {
    let engine = Embedded::open(&EmbeddedConfig::new(dir)).await?;
    let (commits, mut arriving) = mpsc::channel(COMMITS_AHEAD);
    let path = file.to_owned();
    let reading = blocking(file.to_owned(), move || read_commits(&path, &commits));
    let writing = async {
        while let Some(transaction) = arriving.recv().await {
            engine.commit(transaction).await.map_err(|error| error.into_commit_error(0))?;
        }
        // Dropped here, so that a reader who is ahead notices a failed writer.
        drop(arriving);
        Ok::<(), BackupError>(())
    };
    let (read, written) = futures::join!(reading, writing);
    let epoch = engine.epoch();
    engine.close().await;
    written?;
    read?;
    Ok(epoch)
}

async fn blocking<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    let done = task::spawn_blocking(work).await;
    done.map_err(|error| BackupError::Io { path, source: io::Error::other(error) })?
}

fn read_commits(path: &Path, commits: &mpsc::Sender<Transaction>) -> Result<(), BackupError> {
    let mut next = Transaction::default();
    let mut bytes = 0;
    read_rows(path, |write| {
        let size = weight(&write);
        let is_full = next.writes.len() == MAX_COMMIT_OPS || bytes + size > MAX_COMMIT_BYTES;
        if is_full {
            bytes = 0;
            if commits.blocking_send(std::mem::take(&mut next)).is_err() {
                return false;
            }
        }
        bytes += size;
        next.writes.push(write);
        true
    })?;
    // A gone receiver has an error of its own to tell.
    let _ = commits.blocking_send(next);
    Ok(())
}

fn weight(write: &Write) -> usize {
    match write {
        Write::Put(key, value) => key.as_bytes().len() + value.len(),
        Write::Delete(key) => key.as_bytes().len(),
    }
}

/// Reads a file as [`verify`] does.
#[cfg(test)]
pub(super) fn read_file(path: &Path) -> Result<BackupSummary, BackupError> {
    read_rows(path, |_| true)
}

/// Hands each row to `each` until that says no, and checks the file as a whole.
fn read_rows(
    path: &Path,
    mut each: impl FnMut(Write) -> bool,
) -> Result<BackupSummary, BackupError> {
    let failed = |error| match error {
        FrameError::Io(source) => BackupError::Io { path: path.to_owned(), source },
        FrameError::Damaged(detail) => BackupError::Damaged { path: path.to_owned(), detail },
    };
    let damaged = |detail: &str| failed(FrameError::Damaged(detail.to_owned()));
    let file = File::open(path).map_err(|error| failed(FrameError::Io(error)))?;
    let bytes = file.metadata().map_err(|error| failed(FrameError::Io(error)))?.len();
    let mut reader = FrameReader::new(BufReader::new(file)).map_err(failed)?;
    let mut summary = match reader.frame().map_err(failed)? {
        Frame::Header { format, .. } if format > FORMAT => {
            let path = path.to_owned();
            return Err(BackupError::Format { path, found: format, known: FORMAT });
        }
        Frame::Header { epoch, revision, taken, .. } => {
            let format = RecordFormat::default();
            BackupSummary { epoch, revision, taken, format, rows: 0, bytes }
        }
        Frame::Row { .. } | Frame::End { .. } => return Err(damaged("it has no header")),
    };
    loop {
        match reader.frame().map_err(failed)? {
            Frame::Row { key, value, .. } => {
                summary.rows += 1;
                let key = Key::from_bytes(key);
                if key == format::key() {
                    summary.format =
                        format::read(&value).map_err(|error| damaged(&error.to_string()))?;
                }
                if !each(Write::Put(key, value.into())) {
                    return Ok(summary);
                }
            }
            Frame::End { rows } if rows == summary.rows => break,
            Frame::End { .. } => return Err(damaged("its count of rows is wrong")),
            Frame::Header { .. } => return Err(damaged("it has two headers")),
        }
    }
    reader.finish().map_err(failed)?;
    Ok(summary)
}
