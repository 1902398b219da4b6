//! The volume under the store: syncing it, and how much room it has.

use std::{fs::File, io, path::Path};

use crate::health::StoreHealth;

/// An open directory of the store, through which its whole file system is synced.
pub(super) struct Disk {
    dir: File,
    reserve_bytes: u64,
}

impl Disk {
    pub(super) fn open(dir: &Path, reserve_bytes: u64) -> io::Result<Disk> {
        Ok(Disk { dir: File::open(dir)?, reserve_bytes })
    }

    /// Makes everything written to the file system durable, directories included. Reports write
    /// errors of the time since the directory was opened or last synced.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.dir)?)
    }

    /// Whether there is room for commits.
    pub(super) fn health(&self) -> StoreHealth {
        self.shortage().map_or(StoreHealth::Serving, |reason| StoreHealth::Full { reason })
    }

    /// Says what is wrong if there is less room than the reserve.
    fn shortage(&self) -> Option<String> {
        let free = match rustix::fs::fstatvfs(&self.dir) {
            Ok(volume) => volume.f_bavail.saturating_mul(volume.f_frsize),
            Err(error) => return Some(format!("cannot ask how full the volume is: {error}")),
        };
        (free < self.reserve_bytes).then(|| {
            format!(
                "the volume has {free} bytes left, fewer than the reserve of {}; \
                 make room or enlarge it",
                self.reserve_bytes
            )
        })
    }
}
