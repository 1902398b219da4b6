//! Opening the directory: the lock, sled itself, the store's own facts, and a look at every byte.
//!
//! What always holds: nothing is repaired or thrown away. A directory that is not whole is
//! refused with what was found and the way out (restore from a backup).

use std::{
    fs::{DirBuilder, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    history,
    layout::{
        checked, is_log_place, log_range, log_revision, meta_stem, piece_place, read_pieces,
        write_pieces,
    },
    mark::{Mark, Marked},
};
use crate::{
    config::EmbeddedConfig,
    format::RecordFormat,
    read::ReadError,
    revision::{Epoch, Revision},
};

/// The oldest revision that can be read.
pub(super) const META_OLDEST: &str = "oldest";
const META_FORMAT: &str = "format";
const META_EPOCH: &str = "epoch";

/// The layout of this version of the software. Another one is refused, never guessed at.
const FORMAT: u8 = 1;

/// Held for as long as the store is open. Our own file, because sled reports a held lock only as
/// the text of an error.
const LOCK_FILE: &str = "lock";

/// Only the owner: a store holds what its service must keep to itself, signing keys among it. A directory that is
/// already there keeps the mode it was given.
const DIR_MODE: u32 = 0o700;

const SLED_DIR: &str = "sled";

/// sled's unit of files and buffers: 2 MiB. What is larger than a quarter of it becomes a file of
/// its own. The largest page is an inner one of 257 of the longest keys, about 400 KiB.
const SEGMENT_BYTES: usize = 2 * 1024 * 1024;

/// How often to look whether the lock is free.
const LOCK_RETRY: Duration = Duration::from_millis(100);

/// Why a store was not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the store open.
    #[error(
        "the store in {} is open in another process (waited {waited:?}); \
         stop that process, or give this one a directory of its own",
        dir.display()
    )]
    Locked {
        /// The store's directory.
        dir: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// The directory is damaged or incomplete.
    #[error(
        "the store in {} is damaged and was left as it is: {detail}; move the directory away \
         and restore the latest backup (`causeway restore BACKUP DIR`)",
        dir.display()
    )]
    Corrupt {
        /// The store's directory.
        dir: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The directory was written by another version of the software.
    #[error(
        "the store in {} has format {found}, and this version reads format {expected}; \
         run the version that wrote it, back it up there and restore here",
        dir.display()
    )]
    Format {
        /// The store's directory.
        dir: PathBuf,
        /// The format found.
        found: u8,
        /// The format this version reads.
        expected: u8,
    },
    /// Records in it were written by a later version of the software.
    #[error(
        "the store in {} has {found}, and this version reads up to {reads}; run version {} or later, or restore a backup \
         that was taken before it",
        dir.display(), found.version
    )]
    RecordFormat {
        /// The store's directory.
        dir: PathBuf,
        /// The format found, and the version that reads it.
        found: RecordFormat,
        /// The latest format this version reads.
        reads: u32,
    },
    /// The directory could not be used.
    #[error("the store in {} cannot be opened: {source}", dir.display())]
    Io {
        /// The store's directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A store that was opened and found whole.
pub(super) struct Opened {
    pub(super) db: sled::Db,
    pub(super) lock: File,
    pub(super) mark: Mark,
    pub(super) epoch: Epoch,
    pub(super) oldest: Revision,
    pub(super) last: Revision,
}

/// Opens in a thread of its own, because sled panics on some kinds of damage.
pub(super) async fn open(config: EmbeddedConfig) -> Result<Opened, OpenError> {
    let dir = config.dir.clone();
    let (answer, opened) = oneshot::channel();
    let thread = thread::Builder::new().name("store-open".to_owned()).spawn(move || {
        // Nobody waits any more if this fails.
        let _ = answer.send(open_here(&config));
    });
    let thread = thread.map_err(|source| OpenError::Io { dir: dir.clone(), source })?;
    match opened.await {
        Ok(opened) => opened,
        Err(_) => {
            let detail = thread.join().err().map_or_else(String::new, |panic| panic_text(&*panic));
            Err(OpenError::Corrupt { dir, detail: format!("sled gave up: {detail}") })
        }
    }
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

fn open_here(config: &EmbeddedConfig) -> Result<Opened, OpenError> {
    let dir = &config.dir;
    let deadline = Instant::now() + config.lock_wait;
    let io_error = |source| OpenError::Io { dir: dir.clone(), source };
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir).map_err(io_error)?;
    let lock = take_lock(config, deadline)?;
    let db = open_sled(config, deadline)?;
    let damage = |detail: String| OpenError::Corrupt { dir: dir.clone(), detail };
    let read_damage = |error: ReadError| damage(error.to_string());
    let marked = Mark::read(dir).map_err(damage)?;
    let epoch = match read_meta(&db, META_FORMAT).map_err(read_damage)? {
        Some(format) => {
            check_format(dir, &format)?;
            known_epoch(&db).map_err(damage)?
        }
        None if marked.is_some() => return Err(damage("its data is gone".to_owned())),
        None => create(&db).map_err(damage)?,
    };
    let (oldest, last) = inspect(&db).map_err(read_damage)?;
    check_mark(marked, epoch, last).map_err(damage)?;
    // What a killed process applied but did not sync is about to be published: sync it first.
    db.flush().map_err(|error| damage(error.to_string()))?;
    if marked.is_none() {
        // New, or its creator ended before this line.
        Mark::create(dir, Marked { epoch, revision: last }).map_err(io_error)?;
    }
    File::open(dir).and_then(|dir| Ok(rustix::fs::syncfs(dir)?)).map_err(io_error)?;
    let mark = Mark::open(dir, epoch).map_err(io_error)?;
    Ok(Opened { db, lock, mark, epoch, oldest, last })
}

fn take_lock(config: &EmbeddedConfig, deadline: Instant) -> Result<File, OpenError> {
    let dir = &config.dir;
    let io_error = |source| OpenError::Io { dir: dir.clone(), source };
    let path = dir.join(LOCK_FILE);
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(io_error)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => wait_for_lock(config, deadline)?,
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
    }
}

fn wait_for_lock(config: &EmbeddedConfig, deadline: Instant) -> Result<(), OpenError> {
    if Instant::now() >= deadline {
        return Err(OpenError::Locked { dir: config.dir.clone(), waited: config.lock_wait });
    }
    thread::sleep(LOCK_RETRY);
    Ok(())
}

fn open_sled(config: &EmbeddedConfig, deadline: Instant) -> Result<sled::Db, OpenError> {
    let dir = &config.dir;
    let settings = sled::Config::new()
        .path(dir.join(SLED_DIR))
        .cache_capacity(config.cache_bytes)
        .segment_size(SEGMENT_BYTES)
        .flush_every_ms(None);
    loop {
        match settings.open() {
            Ok(db) => return Ok(db),
            // A store that was just closed in this process lets go of sled's own lock a moment
            // after ours.
            Err(sled::Error::Io(error)) if error.to_string().contains("acquire lock") => {
                wait_for_lock(config, deadline)?;
            }
            Err(sled::Error::Io(source)) => {
                return Err(OpenError::Io { dir: dir.clone(), source });
            }
            Err(other) => {
                return Err(OpenError::Corrupt { dir: dir.clone(), detail: other.to_string() });
            }
        }
    }
}

fn check_format(dir: &Path, format: &[u8]) -> Result<(), OpenError> {
    match format {
        [FORMAT] => Ok(()),
        [found] => {
            let dir = dir.to_owned();
            Err(OpenError::Format { dir, found: *found, expected: FORMAT })
        }
        _ => {
            let detail = "its format is unreadable".to_owned();
            Err(OpenError::Corrupt { dir: dir.to_owned(), detail })
        }
    }
}

fn known_epoch(db: &sled::Db) -> Result<Epoch, String> {
    let stored = read_meta(db, META_EPOCH).map_err(|error| error.to_string())?;
    let bytes = stored.and_then(|bytes| <[u8; 16]>::try_from(&bytes[..]).ok());
    bytes.map(Epoch::from_bytes).ok_or_else(|| "its epoch is missing".to_owned())
}

fn create(db: &sled::Db) -> Result<Epoch, String> {
    if !db.is_empty() {
        return Err("it has data but no format".to_owned());
    }
    let epoch = Epoch::random();
    let mut batch = sled::Batch::default();
    let mut put = |name, value: &[u8]| {
        write_pieces(&meta_stem(name), value, |place, value| batch.insert(place, value));
    };
    put(META_FORMAT, &[FORMAT]);
    put(META_EPOCH, epoch.as_bytes());
    put(META_OLDEST, &Revision::ZERO.get().to_be_bytes());
    db.apply_batch(batch).and_then(|()| db.flush()).map_err(|error| error.to_string())?;
    Ok(epoch)
}

/// Whether sled holds what the mark says was here.
fn check_mark(marked: Option<Marked>, epoch: Epoch, last: Revision) -> Result<(), String> {
    match marked {
        Some(marked) if marked.epoch != epoch => {
            Err(format!("it holds the data of {epoch} instead of {}", marked.epoch))
        }
        Some(marked) if marked.revision > last => {
            Err(format!("the commits from {} to {} are gone", last.next(), marked.revision))
        }
        _ => Ok(()),
    }
}

fn read_meta(db: &sled::Db, name: &str) -> Result<Option<Bytes>, ReadError> {
    let place = piece_place(&meta_stem(name), 0);
    match db.get(&place).map_err(super::layout::fault)? {
        Some(value) => read_pieces(&(place.into(), value), &mut std::iter::empty()).map(Some),
        None => Ok(None),
    }
}

/// Reads every piece once and the log as a whole: a wrong checksum, a torn record or a hole in
/// the history is found now and not by a caller later. Gives the oldest and the last revision.
fn inspect(db: &sled::Db) -> Result<(Revision, Revision), ReadError> {
    let oldest = read_meta(db, META_OLDEST)?;
    let oldest = oldest.and_then(|bytes| <[u8; 8]>::try_from(&bytes[..]).ok());
    let oldest =
        oldest.ok_or_else(|| ReadError::Corrupt("its oldest revision is missing".into()))?;
    let oldest = Revision::new(i64::from_be_bytes(oldest));
    for stored in db.iter() {
        let (place, value) = stored.map_err(super::layout::fault)?;
        checked(&place, &value)?;
    }
    let last = last_logged(db)?.map_or(oldest, |last| last.max(oldest));
    let mut expected = oldest;
    for entry in history::entries(db, oldest, last) {
        let found = entry?.revision;
        expected = expected.next();
        if found != expected {
            let detail = format!("commit {expected} is missing, {found} follows instead");
            return Err(ReadError::Corrupt(detail));
        }
    }
    Ok((oldest, expected))
}

fn last_logged(db: &sled::Db) -> Result<Option<Revision>, ReadError> {
    let (start, end) = log_range();
    let Some(last) = db.range(start..end).next_back() else {
        return Ok(None);
    };
    let (place, _) = last.map_err(super::layout::fault)?;
    debug_assert!(is_log_place(&place), "the range holds only the log");
    log_revision(&place).map(Some)
}
