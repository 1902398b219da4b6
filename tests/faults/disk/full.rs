//! A disk that fills up under a service, and one that has nothing left when the service starts.

use std::{fs, path::Path, process::Command};

use rand::Rng as _;
use testkit::{Plan, System, eventually};
use tonic::Code;
use trial::Image;

use super::{
    makers::{Made, Makers, reason, refusals},
    on_disk,
};

/// What a store keeps free, bytes: `store::config::DEFAULT_RESERVE_BYTES`.
const RESERVE_BYTES: u64 = 64 * 1024 * 1024;
/// The reserve, a store, and the file system's journal.
const DISK_BYTES: u64 = 128 * 1024 * 1024;
/// A disk of the next size.
const LARGER_BYTES: u64 = 2 * DISK_BYTES;
/// Room beyond the reserve that is left for the callers to use up, bytes: a few hundred commits at most.
const LEFT_BYTES: std::ops::Range<u64> = 16 * 1024..512 * 1024;
/// Too little for anything: the file system itself keeps its books in it.
const NOTHING_BYTES: u64 = 64 * 1024;
/// What whoever asks is told to do.
const MEND: &str = "make room or enlarge it";
/// Callers at work while it fills up.
const CALLERS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_on_a_full_disk_refuses_and_says_why_and_serves_as_soon_as_there_is_room() {
    if !trial::may_mount("services on a full disk") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    // Upkeep looks at the disk too; often, so that the story need not wait for it.
    let mut plan = Plan::default().set("registry.upkeep_period", "200ms");
    let mut disks = Vec::new();
    for service in ["registry", "provisioning", "updates"] {
        let disk = Image::make(home.path().join(format!("{service}.disk")), DISK_BYTES);
        let mounted = disk.mount(&home.path().join(service));
        plan = on_disk(plan, service, mounted.path());
        disks.push((service, disk, mounted));
    }
    // Mounted for as long as the processes run, which end first.
    let mut larger_ones = Vec::new();
    let mut system = System::start_as_five_with(plan).await;
    for (service, disk, mounted) in disks {
        let (makers, mut acknowledged) = Makers::of(service, &system).await;
        let left = trial::chance(service).random_range(LEFT_BYTES);
        let ballast = mounted.fill(RESERVE_BYTES + left);
        let told = refusals(makers.make_until_refused("fills", CALLERS), &mut acknowledged).await;
        eprintln!("{service}: {} acknowledged on {left} bytes", acknowledged.len());
        for status in &told {
            let is = (status.code(), reason(status));
            assert_eq!(is, (Code::Unavailable, "STORE_UNAVAILABLE".to_owned()), "{status:?}");
        }
        says_what_to_do(&system, service).await;
        makers.assert_kept(&acknowledged, 0).await;

        fs::remove_file(ballast).unwrap();
        if service == "registry" {
            system.ready_again(service).await;
        }
        make_more(&makers, "room", &mut acknowledged).await;
        system.ready_again(service).await;

        // Next to nothing is left, and the process dies.
        let _ballast = mounted.fill(NOTHING_BYTES);
        system.kill(service);
        system.begin_again(service);
        says_that_there_is_no_room(&system, service).await;
        system.kill(service);
        let larger = Image::make(home.path().join(format!("{service}.larger")), LARGER_BYTES);
        let at = mounted.path().to_owned();
        let next = larger.mount(&home.path().join(format!("{service}-larger")));
        copy(&at.join("store"), next.path());
        drop((next, mounted, disk));
        larger_ones.push((larger.mount(&at), larger));
        system.start_again(service).await;
        makers.assert_kept(&acknowledged, 0).await;
        make_more(&makers, "larger", &mut acknowledged).await;
        makers.assert_kept(&acknowledged, 0).await;
    }
}

/// Whoever asks for its health is told the cause and the mend, as is whoever reads the log.
async fn says_what_to_do(system: &System, service: &str) {
    eventually("health is off and says why", || async {
        let Err(why) = system.readiness(service).await else { return Err("ready".to_owned()) };
        let why = why.to_string();
        let is_told = why.contains("fewer than the reserve") && why.contains(MEND);
        if is_told { Ok(()) } else { Err(why) }
    })
    .await;
}

async fn make_more(makers: &Makers, id: &str, acknowledged: &mut Made) {
    let made = eventually("it takes writes again", || makers.make(id)).await;
    acknowledged.insert(made.0, made.1);
}

/// Whether a store can be opened without any room is the engine's affair; either way the cause is told, and the mend.
async fn says_that_there_is_no_room(system: &System, service: &str) {
    eventually("it is told that there is no room", || async {
        let log = system.log(service);
        let refused = log.contains("cannot start") && log.contains("No space left on device");
        match system.readiness(service).await {
            Ok(()) => Err("ready".to_owned()),
            Err(why) if refused || why.to_string().contains(MEND) => Ok(()),
            Err(why) => Err(why.to_string()),
        }
    })
    .await;
}

fn copy(store: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(store).arg(to).status().unwrap();
    assert!(copied.success(), "{copied}");
}
