//! Power cuts under a whole service: what a caller was told is on the disk that is left.

use rand::Rng as _;
use testkit::System;
use trial::Image;

use super::{
    makers::{Makers, refusals},
    stored_on,
};

/// The store, the reserve that it keeps free, and the file system's journal.
const DISK_BYTES: u64 = 192 * 1024 * 1024;
/// Successive cuts on one disk.
const CUTS: usize = 4;
/// Callers at work when the power goes.
const CALLERS: usize = 12;
/// The power goes after so many acknowledgements.
const ACKNOWLEDGEMENTS: std::ops::Range<usize> = 20..200;

#[tokio::test(flavor = "multi_thread")]
async fn what_registry_told_its_callers_survives_power_cuts() {
    if !trial::may_mount("power cuts of registry") {
        return;
    }
    let mut chance = trial::chance("power cuts of registry");
    let home = tempfile::tempdir().unwrap();
    let at = home.path().join("mounted");
    let mut disk = Image::make(home.path().join("disk"), DISK_BYTES);
    let mut mounted = disk.mount(&at);
    let mut system = System::start_as_five_with(stored_on("registry", &at)).await;
    let (makers, mut acknowledged) = Makers::of("registry", &system).await;
    for cut in 0..CUTS {
        let count = chance.random_range(ACKNOWLEDGEMENTS);
        let callers = makers.make_until_refused(&format!("cut-{cut}"), CALLERS);
        let before = acknowledged.len();
        testkit::eventually("enough is acknowledged", || async {
            let now = makers.list().await.map_err(|status| status.to_string())?.len();
            if now >= before + count { Ok(()) } else { Err(format!("{now} of {before} + {count}")) }
        })
        .await;
        trial::stand_still(system.process_id("registry"));
        let after = disk.cut(home.path().join(format!("disk-{cut}")));
        system.kill("registry");
        refusals(callers, &mut acknowledged).await;
        // What was under way in one cut may stand beside what was acknowledged ever after.
        drop(mounted);
        disk = after;
        mounted = disk.mount(&at);
        system.start_again("registry").await;
        makers.assert_kept(&acknowledged, CALLERS * (cut + 1)).await;
        eprintln!("cut {cut}: {} acknowledged and kept", acknowledged.len());
    }
    drop((system, mounted));
}
