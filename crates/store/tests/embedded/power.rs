//! Power cuts: what the disk holds at some moment, without what the kernel still kept in memory.
//!
//! The store lies on a small ext4 in a file. At the moment of the cut all writers are stopped where
//! they are, and the file is copied: the copy is the disk after the cut, and the next cut's disk.

use std::path::Path;

use rand::Rng as _;
use store::StoreConfig;
use trial::Image;

use crate::{
    open,
    writers::{Acknowledged, WriterProcess, assert_kept},
};

/// Enough for the store, the reserve that it keeps, its garbage and the file system's journal.
const DISK_BYTES: u64 = 192 * 1024 * 1024;

/// Successive cuts on one disk.
const CUTS: usize = 16;

/// Each waits for its own acknowledgement, so as many commits share a sync at most.
const WRITERS: u64 = 8;

/// A cut falls after so many acknowledgements: from the first moments of the process to where
/// history is trimmed and the log has grown by some segments.
const ACKNOWLEDGEMENTS: std::ops::Range<usize> = 1..400;

#[tokio::test]
async fn what_was_acknowledged_survives_power_cuts() {
    if !trial::may_mount("power cuts of the store") {
        return;
    }
    let mut chance = trial::chance("power cuts");
    let home = tempfile::tempdir().unwrap();
    let mut disk = Image::make(home.path().join("disk"), DISK_BYTES);
    let mut known = Acknowledged::new();
    for cut in 0..CUTS {
        let after = home.path().join(format!("disk-{cut}"));
        let mounted = home.path().join(format!("mounted-{cut}"));
        let count = chance.random_range(ACKNOWLEDGEMENTS);
        let (acknowledged, after) = write_and_cut(&disk, &mounted, count, after);
        known.extend(acknowledged);
        let mounted = after.mount(&mounted);
        let store = open(StoreConfig::new(mounted.path().join("store"))).await.unwrap();
        eprintln!("cut {cut} after {count} acknowledgements: {known:?}");
        known = assert_kept(&store, &known).await;
        store.close().await;
        drop((store, mounted));
        disk = after;
    }
}

/// Lets the writers work until `count` commits were acknowledged, and cuts the power. Gives what had
/// been acknowledged at that moment, and the disk as it is after.
fn write_and_cut(
    disk: &Image,
    at: &Path,
    count: usize,
    after: std::path::PathBuf,
) -> (Acknowledged, Image) {
    let mounted = disk.mount(at);
    let mut writers = WriterProcess::start_many(WRITERS, &mounted.path().join("store"));
    writers.read_acknowledged(count);
    trial::stand_still(writers.id());
    let after = disk.cut(after);
    (writers.kill(), after)
}
