//! What a connector keeps on its host: its key pair, and what enrolment gave it.
//!
//! Owns: the files of the state directory and their modes (directory 0700, files 0600).
//! Always holds: one process uses a directory at a time; a file is either the old one or the new one, whole, also
//! after a power cut; the private key is written once and never leaves the directory; a directory that others can
//! read is refused.
//! Absent on purpose: the join token, which is needed once and belongs to the operator who starts the program.
//!
//! ## Design notes
//! The key is written before the first Enroll is sent. If the reply is lost, the next start enrols again with the
//! same key, and provisioning answers with the same connector: one use, one identity.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::identity::Identity;

const KEY_FILE: &str = "key.pem";
const IDENTITY_FILE: &str = "identity.json";
const LOCK_FILE: &str = "lock";
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Mode bits that group and others must not have.
const FOREIGN_BITS: u32 = 0o077;
/// Largest file that is read back: a leaf and two bundles take under 20 KiB.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// An open state directory. The lock goes with it.
#[derive(Debug)]
pub(crate) struct StateDir {
    dir: PathBuf,
    _lock: File,
}

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file operation failed.
    #[error("{action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Other users could read the private key.
    #[error(
        "{path} can be read by others (mode {mode:o}) and holds a private key: `chmod -R go= {path}`, and if others had access, delete it and enrol anew",
        path = path.display()
    )]
    Exposed {
        /// The file or directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A second connector on the same directory would look like a clone.
    #[error("another connector uses {path}: give each its own --state-dir", path = path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The file is not what this program wrote.
    #[error(
        "{path} cannot be read ({problem}): restore it, or delete the directory and enrol anew with a join token",
        path = path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// What is written: a version around the record, so that later programs read earlier files.
#[derive(Serialize, Deserialize)]
#[serde(tag = "v")]
enum StoredIdentity {
    #[serde(rename = "1")]
    V1(Identity),
}

impl StateDir {
    /// Opens the directory, and makes it if it is not there.
    ///
    /// # Errors
    /// [`StateError::Exposed`] and [`StateError::InUse`] as named; [`StateError::Io`] otherwise.
    pub(crate) fn open(dir: &Path) -> Result<Self, StateError> {
        DirBuilder::new()
            .recursive(true)
            .mode(DIR_MODE)
            .create(dir)
            .map_err(io_error("create", dir))?;
        refuse_exposed(dir)?;
        let lock_path = dir.join(LOCK_FILE);
        let lock =
            open_options().create(true).open(&lock_path).map_err(io_error("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StateError::InUse { path: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(io_error("lock", &lock_path)(source)),
        }
    }

    /// The private key in PEM; makes it with `generate` on first use.
    ///
    /// # Errors
    /// [`StateError`] when the file is exposed or cannot be read or written.
    pub(crate) fn private_key<E>(
        &self,
        generate: impl FnOnce() -> Result<String, E>,
    ) -> Result<Result<String, E>, StateError> {
        if let Some(pem) = self.read(KEY_FILE)? {
            return Ok(Ok(pem));
        }
        let pem = match generate() {
            Ok(pem) => pem,
            Err(error) => return Ok(Err(error)),
        };
        self.write(KEY_FILE, pem.as_bytes())?;
        Ok(Ok(pem))
    }

    /// What enrolment gave, if this connector has enrolled.
    ///
    /// # Errors
    /// [`StateError::Corrupt`] if the file is there but is not ours.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, StateError> {
        let Some(text) = self.read(IDENTITY_FILE)? else { return Ok(None) };
        match serde_json::from_str(&text) {
            Ok(StoredIdentity::V1(identity)) => Ok(Some(identity)),
            Err(error) => Err(StateError::Corrupt {
                path: self.dir.join(IDENTITY_FILE),
                problem: error.to_string(),
            }),
        }
    }

    /// Keeps what enrolment or a renewal gave.
    ///
    /// # Errors
    /// [`StateError::Io`] if it cannot be written.
    pub(crate) fn keep(&self, identity: &Identity) -> Result<(), StateError> {
        let path = self.dir.join(IDENTITY_FILE);
        let text = serde_json::to_string_pretty(&StoredIdentity::V1(identity.clone()))
            .map_err(|error| StateError::Corrupt { path, problem: error.to_string() })?;
        self.write(IDENTITY_FILE, text.as_bytes())
    }

    fn read(&self, name: &str) -> Result<Option<String>, StateError> {
        let path = self.dir.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("open", &path)(error)),
        };
        refuse_exposed(&path)?;
        let mut text = String::new();
        file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(io_error("read", &path))?;
        Ok(Some(text))
    }

    /// New file, synced, renamed over the old one, directory synced.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let path = self.dir.join(name);
        let draft = self.dir.join(format!("{name}.new"));
        let written =
            open_options().create(true).truncate(true).open(&draft).and_then(|mut file| {
                file.write_all(bytes)?;
                file.sync_all()
            });
        written.map_err(io_error("write", &draft))?;
        fs::rename(&draft, &path).map_err(io_error("rename", &path))?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(io_error("sync", &self.dir))
    }
}

fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(FILE_MODE);
    options
}

fn refuse_exposed(path: &Path) -> Result<(), StateError> {
    let mode = fs::metadata(path).map_err(io_error("inspect", path))?.permissions().mode() & 0o777;
    if mode & FOREIGN_BITS == 0 {
        return Ok(());
    }
    Err(StateError::Exposed { path: path.to_owned(), mode })
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Io { action, path, source }
}

#[cfg(test)]
mod fuzz {
    use super::*;
    use crate::identity::{OwnKey, example};

    #[test]
    fn any_bytes_are_the_identity_that_was_kept_or_damage_told_with_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let state = StateDir::open(&directory.path().join("state")).unwrap();
        state.keep(&example()).unwrap();
        let path = state.dir.join(IDENTITY_FILE);
        let target = trial::target!("identities").with(fs::read(&path).unwrap()).costs(4);
        let words = ["-009999-01-02T01:59:59Z", "9999-12-30T22:00:00.999999999Z", "AQID", "[]"];
        let key = OwnKey::generate_pem().unwrap();
        target.words(&words).run(|input| {
            fs::write(&path, input).unwrap();
            let found = state.identity();
            match &found {
                Ok(identity) => {
                    let identity = identity.as_ref().expect("there is a file");
                    let (from, end) =
                        (identity.certificates.not_before, identity.certificates.not_after);
                    let renewal = identity.renew_at(0.05);
                    assert!(from > end || (from <= renewal && renewal <= end), "{renewal}");
                    assert!(identity.expired(end));
                    assert!(identity.tls_identity(&key).is_err(), "it is shown with another's key");
                    let _ = identity.trust();
                    state.keep(identity).unwrap();
                    assert_eq!(state.identity().unwrap().as_ref(), Some(identity));
                }
                Err(error) => {
                    assert!(error.to_string().contains(IDENTITY_FILE), "{error}");
                }
            }
            found.map_err(|error| match error {
                StateError::Corrupt { problem, .. } => problem,
                error => error.to_string(),
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("state");
        (parent, dir)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_can_read_it() {
        let (_parent, dir) = fresh();
        let state = StateDir::open(&dir).unwrap();
        let make =
            |text: &str| state.private_key(|| Ok::<_, ()>(text.to_owned())).unwrap().unwrap();
        assert_eq!(make("first"), "first");
        assert_eq!(make("second"), "first");
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join(KEY_FILE)), 0o600);
    }

    #[test]
    fn what_enrolment_gave_comes_back_after_a_restart() {
        let (_parent, dir) = fresh();
        let identity = crate::identity::example();
        {
            let state = StateDir::open(&dir).unwrap();
            assert_eq!(state.identity().unwrap(), None);
            state.keep(&identity).unwrap();
        }
        assert_eq!(StateDir::open(&dir).unwrap().identity().unwrap(), Some(identity));
        assert_eq!(mode(&dir.join(IDENTITY_FILE)), 0o600);
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let (_parent, dir) = fresh();
        let _first = StateDir::open(&dir).unwrap();
        assert!(matches!(StateDir::open(&dir), Err(StateError::InUse { .. })));
    }

    #[test]
    fn a_directory_or_key_that_others_can_read_is_refused_with_the_fix() {
        let (_parent, dir) = fresh();
        drop(StateDir::open(&dir).unwrap());
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let error = StateDir::open(&dir).unwrap_err().to_string();
        assert!(error.contains("755") && error.contains("chmod"), "{error}");

        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        let key = dir.join(KEY_FILE);
        fs::write(&key, "key").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let state = StateDir::open(&dir).unwrap();
        let read = state.private_key(|| Ok::<_, ()>(String::new()));
        assert!(matches!(read, Err(StateError::Exposed { .. })), "{read:?}");
    }

    #[test]
    fn a_damaged_record_says_what_to_do() {
        let (_parent, dir) = fresh();
        let state = StateDir::open(&dir).unwrap();
        state.write(IDENTITY_FILE, b"{\"v\":\"1\"").unwrap();
        let error = state.identity().unwrap_err().to_string();
        assert!(error.contains("enrol anew"), "{error}");
    }
}
