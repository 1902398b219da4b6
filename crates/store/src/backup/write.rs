//! Writing a backup while commits go on.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use tokio::{sync::mpsc, task};

use super::{
    BackupError, BackupSummary,
    file::{FORMAT, Frame, FrameWriter},
};
use crate::{
    engine::ScanRange,
    format::{self, RecordFormat},
    key::Prefix,
    read::{At, MAX_SCAN_ROWS, Row},
    reserved::is_of_a_process,
    revision::{Epoch, Revision},
    view::View,
};

/// Only the owner.
const FILE_MODE: u32 = 0o600;

/// Pages of rows that may wait for the disk.
const PAGES_AHEAD: usize = 2;

/// Writes `revision` of the store to `path`. The caller holds the revision.
pub(crate) async fn write(
    view: &View,
    revision: Revision,
    path: &Path,
    taken: Timestamp,
) -> Result<BackupSummary, BackupError> {
    let (pages, arriving) = mpsc::channel(PAGES_AHEAD);
    let file = BackupFile { path: path.to_owned(), epoch: view.engine().epoch(), revision, taken };
    let writing = task::spawn_blocking(move || file.write(arriving));
    let reading = send_pages(view, revision, pages).await;
    let written = writing.await.map_err(|error| {
        let source = std::io::Error::other(error);
        BackupError::Io { path: path.to_owned(), source }
    })?;
    // The reader's own error says more than the "cut short" that it leads to.
    reading.and(written)
}

async fn send_pages(
    view: &View,
    revision: Revision,
    pages: mpsc::Sender<Page>,
) -> Result<(), BackupError> {
    let mut after = None;
    loop {
        let prefix = Prefix::everything();
        let range = ScanRange { prefix, after, limit: MAX_SCAN_ROWS };
        let mut page = view.scan(range, At::Revision(revision)).await?;
        after = page.rows.last().map(|row| row.key.clone());
        let is_last = !page.more;
        page.rows.retain(|row| !is_of_a_process(&row.key));
        if pages.send(Page { rows: page.rows, is_last }).await.is_err() || is_last {
            // A gone receiver has an error of its own to tell.
            return Ok(());
        }
    }
}

struct Page {
    rows: Vec<Row>,
    is_last: bool,
}

struct BackupFile {
    path: PathBuf,
    epoch: Epoch,
    revision: Revision,
    taken: Timestamp,
}

impl BackupFile {
    fn write(&self, pages: mpsc::Receiver<Page>) -> Result<BackupSummary, BackupError> {
        let unfinished = with_suffix(&self.path, ".unfinished");
        let written = self.write_unfinished(&unfinished, pages).and_then(|summary| {
            fs::rename(&unfinished, &self.path).map_err(|source| self.io_error(source))?;
            Ok(summary)
        });
        match written {
            Ok(_) => sync_parent(&self.path).map_err(|source| self.io_error(source))?,
            // Whether it can be removed does not matter: no one takes it for a backup.
            Err(_) => drop(fs::remove_file(&unfinished)),
        }
        written
    }

    fn write_unfinished(
        &self,
        unfinished: &Path,
        mut pages: mpsc::Receiver<Page>,
    ) -> Result<BackupSummary, BackupError> {
        let io_error = |source| self.io_error(source);
        let file = create(unfinished).map_err(io_error)?;
        let mut out = FrameWriter::new(BufWriter::new(file)).map_err(io_error)?;
        let BackupFile { epoch, revision, taken, .. } = *self;
        out.frame(&Frame::Header { format: FORMAT, epoch, revision, taken }).map_err(io_error)?;
        let mut record_format = RecordFormat::default();
        let mut rows = 0;
        let mut is_complete = false;
        while let Some(page) = pages.blocking_recv() {
            for row in page.rows {
                if row.key == format::key() {
                    record_format = format::read(&row.value)?;
                }
                out.frame(&frame(row)).map_err(io_error)?;
                rows += 1;
            }
            is_complete = page.is_last;
        }
        if !is_complete {
            let path = self.path.clone();
            return Err(BackupError::Damaged { path, detail: "it was cut short".to_owned() });
        }
        out.frame(&Frame::End { rows }).map_err(io_error)?;
        let (mut file, bytes) = out.finish().map_err(io_error)?;
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(io_error)?;
        Ok(BackupSummary { epoch, revision, taken, format: record_format, rows, bytes })
    }

    fn io_error(&self, source: std::io::Error) -> BackupError {
        BackupError::Io { path: self.path.clone(), source }
    }
}

fn frame(row: Row) -> Frame {
    let Row { key, value, revision, created } = row;
    Frame::Row { key: key.as_bytes().to_vec(), value: value.to_vec(), revision, created }
}

/// As secret as the store: only the owner may read it.
fn create(path: &Path) -> std::io::Result<File> {
    File::options().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)
}

/// The same path with something behind its last name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes a rename durable.
pub(super) fn sync_parent(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
