//! A disk in a file, which can lose its power, fill up and be exchanged.
//!
//! Owns: making, copying and mounting it. Always holds: a copy is what the disk has at that moment, without what the kernel
//! still keeps in memory; nothing stays mounted or on disk longer than its handle. Absent on purpose: disks that tear or
//! reorder writes. A copy models one that keeps the order of writes and has no cache of its own; it can prove loss, and
//! not that there never is any.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::machine::say;

/// The file system commits its journal when it is told to and not every 5 s: only a sync makes anything durable, and nothing
/// but the processes that were stopped changes the disk while it is copied.
const MOUNT_OPTIONS: &str = "-oloop,commit=600";

/// For the probe: about the least that holds an ext4 with its journal.
const PROBE_BYTES: u64 = 8 * 1024 * 1024;

/// Whether this machine may make and mount disks, tried once. If not, says on stderr that `what` is skipped, and why.
#[must_use]
pub fn may_mount(what: &str) -> bool {
    static PROBED: OnceLock<Result<(), String>> = OnceLock::new();
    match PROBED.get_or_init(|| probe().map_err(|error| error.to_string())) {
        Ok(()) => true,
        Err(why) => {
            say(&format!(
                "skipped: {what}: this machine may not mount a disk in a file ({why}); be root, with mkfs.ext4 and loop devices"
            ));
            false
        }
    }
}

fn probe() -> io::Result<()> {
    let home = tempfile::tempdir()?;
    let image = Image::make_in(home.path().join("disk"), PROBE_BYTES)?;
    image.mount_at(&home.path().join("mounted")).map(drop)
}

/// A disk in a file, which is removed with this handle.
#[derive(Debug)]
pub struct Image {
    file: PathBuf,
}

impl Image {
    /// A new disk with an empty ext4.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn make(file: PathBuf, bytes: u64) -> Self {
        Self::make_in(file, bytes).expect("a disk in a file can be made")
    }

    fn make_in(file: PathBuf, bytes: u64) -> io::Result<Self> {
        File::create(&file)?.set_len(bytes)?;
        let image = Self { file };
        // Nothing is kept back for root, so a full disk is full for us too.
        run(Command::new("mkfs.ext4").args(["-q", "-m0"]).arg(&image.file))?;
        Ok(image)
    }

    /// The disk after a power cut at this moment: a copy of what has reached it. Whoever writes to it must stand still,
    /// see [`crate::stand_still`].
    ///
    /// # Panics
    /// If it cannot be copied.
    #[must_use]
    pub fn cut(&self, file: PathBuf) -> Self {
        // Holes stay holes, so a copy costs what was written and not the size of the disk.
        let mut copy = Command::new("cp");
        copy.args(["--sparse=always", "--"]).arg(&self.file).arg(&file);
        run(&mut copy).expect("a disk in a file can be copied");
        Self { file }
    }

    /// Mounts it at a directory, which is made.
    ///
    /// # Panics
    /// If it cannot be mounted.
    #[must_use]
    pub fn mount(&self, at: &Path) -> Mounted {
        self.mount_at(at).expect("a disk in a file can be mounted")
    }

    fn mount_at(&self, at: &Path) -> io::Result<Mounted> {
        fs::create_dir_all(at)?;
        run(Command::new("mount").arg(MOUNT_OPTIONS).arg(&self.file).arg(at))?;
        Ok(Mounted { at: at.to_owned() })
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        fs::remove_file(&self.file).ok();
    }
}

/// A mounted disk. Dropping it unmounts it.
#[derive(Debug)]
pub struct Mounted {
    at: PathBuf,
}

impl Mounted {
    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.at
    }

    /// Takes all its room but `left` bytes into the file `ballast`, and says where that is: remove it to make room.
    ///
    /// # Panics
    /// If there is less room than that.
    #[must_use]
    pub fn fill(&self, left: u64) -> PathBuf {
        let volume = rustix::fs::statvfs(&self.at).expect("a mounted disk says its room");
        let free = volume.f_bavail * volume.f_frsize;
        let taken = free.checked_sub(left).expect("there is more room than is to be left");
        let ballast = self.at.join("ballast");
        let mut fallocate = Command::new("fallocate");
        fallocate.arg("-l").arg(taken.to_string()).arg(&ballast);
        run(&mut fallocate).expect("room can be taken");
        ballast
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, because a killed process may take a moment to let go.
        if let Err(error) = run(Command::new("umount").arg("-l").arg(&self.at)) {
            say(&format!("{} stays mounted: {error}", self.at.display()));
        }
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output().map_err(|error| {
        io::Error::other(format!("{}: {error}", command.get_program().display()))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?} ended with {}: {}", output.status, told.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_keeps_what_was_synced_and_loses_what_was_only_written() {
        if !may_mount("what a cut keeps") {
            return;
        }
        let home = tempfile::tempdir().expect("a directory");
        let disk = Image::make(home.path().join("disk"), 4 * PROBE_BYTES);
        let before = disk.mount(&home.path().join("before"));
        fs::write(before.path().join("synced"), "kept").expect("written");
        let dir = File::open(before.path()).expect("opened");
        rustix::fs::syncfs(dir).expect("synced");
        fs::write(before.path().join("written"), "lost").expect("written");
        let after = disk.cut(home.path().join("cut"));
        let after = after.mount(&home.path().join("after"));
        assert_eq!(fs::read(after.path().join("synced")).expect("it is there"), b"kept");
        assert!(!after.path().join("written").exists());
    }

    #[test]
    fn a_filled_disk_has_the_room_that_was_left() {
        if !may_mount("what a full disk has left") {
            return;
        }
        let home = tempfile::tempdir().expect("a directory");
        let disk = Image::make(home.path().join("disk"), 4 * PROBE_BYTES);
        let disk = disk.mount(&home.path().join("mounted"));
        let ballast = disk.fill(4096);
        assert!(fs::write(disk.path().join("more"), [1; 64 * 1024]).is_err());
        fs::remove_file(ballast).expect("removed");
        fs::write(disk.path().join("more"), [1; 64 * 1024]).expect("there is room again");
    }
}
