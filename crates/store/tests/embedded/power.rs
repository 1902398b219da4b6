//! A power cut: what the disk holds at some moment, without what the kernel still kept in memory.
//!
//! The store lies on a small ext4 in a file. At the moment of the cut the writer is stopped and the
//! file copied; the copy is the disk after the cut. This models a disk that keeps the order of
//! writes and has no cache of its own; it can prove loss, and not that there never is any.
//! Absent: disks that tear or reorder writes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use store::StoreConfig;

use crate::{
    kill::{WriterProcess, count, everything_reads},
    open,
};

/// Enough for the store, its garbage and the file system's journal.
const DISK_BYTES: u64 = 192 * 1024 * 1024;

/// Successive cuts on one disk.
const CUTS: usize = 8;

fn run(program: &str, arguments: &[&Path]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

/// A disk in a file, mounted.
struct Mounted {
    at: PathBuf,
}

impl Mounted {
    fn mount(image: &Path, at: &Path) -> Mounted {
        fs::create_dir_all(at).unwrap();
        run("mount", &[Path::new("-oloop"), image, at]);
        Mounted { at: at.to_owned() }
    }

    fn store(&self) -> PathBuf {
        self.at.join("store")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, because a killed process may take a moment to let go.
        run("umount", &[Path::new("-l"), &self.at]);
    }
}

#[tokio::test]
#[ignore = "needs root, mkfs.ext4 and loop devices: run it with `--ignored power`"]
async fn what_was_acknowledged_survives_power_cuts() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: String| home.path().join(name);
    let mut disk = path("disk".to_owned());
    fs::File::create(&disk).unwrap().set_len(DISK_BYTES).unwrap();
    run("mkfs.ext4", &[Path::new("-q"), &disk]);
    for cut in 0..CUTS {
        let after = path(format!("disk-after-{cut}"));
        let acknowledged = {
            let mounted = Mounted::mount(&disk, &path(format!("before-{cut}")));
            let mut writer = WriterProcess::start(&mounted.store());
            let seen = writer.read_acknowledged(40 + cut * 53);
            writer.stop();
            fs::copy(&disk, &after).unwrap();
            writer.kill().unwrap_or(seen)
        };
        let mounted = Mounted::mount(&after, &path(format!("after-{cut}")));
        let store = open(StoreConfig::new(mounted.store())).await.unwrap();
        let found = count(&store, "last").await;
        assert!(found >= acknowledged, "cut {cut}: {found} of {acknowledged}");
        assert!(found <= acknowledged + 1, "one commit at most was under way");
        assert_eq!(count(&store, "first").await, found);
        everything_reads(&store).await;
        store.close().await;
        drop((store, mounted));
        disk = after;
    }
}
