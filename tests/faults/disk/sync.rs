//! A disk that fails: system calls of a real service are answered with an error by `strace`.
//!
//! The failing call itself is not made, so nothing that it was to make durable is.

use rand::Rng as _;
use testkit::{Plan, System, eventually};
use tonic::Code;

use super::makers::{Makers, reason, refusals};

/// Callers at work when the disk fails.
const CALLERS: usize = 8;
/// The disk fails at such a call of the store's thread. Opening makes a few; later ones are commits.
const FAILING_CALL: std::ops::Range<u32> = 12..60;

/// What fails, with which error, and how the system words that.
const FAILURES: [(&str, &str, &str); 4] = [
    ("syncfs", "EIO", "Input/output error"),
    ("sync_file_range", "EIO", "Input/output error"),
    ("syncfs,fsync,sync_file_range", "EIO", "Input/output error"),
    // The disk was filled by somebody else between the store's look and its write.
    ("pwrite64", "ENOSPC", "No space left on device"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_disk_fails_ends_says_why_and_lost_nothing() {
    if !trial::may_trace("services on a disk that fails") {
        return;
    }
    let mut chance = trial::chance("failing disks");
    let mut system = System::start_as_five().await;
    for service in ["registry", "provisioning", "updates"] {
        let (makers, mut acknowledged) = Makers::of(service, &system).await;
        let mut open = 0;
        for (number, (calls, error, words)) in FAILURES.into_iter().enumerate() {
            let when = chance.random_range(FAILING_CALL);
            let injection = format!("inject={calls}:error={error}:when={when}+");
            eprintln!("{service}: {injection}");
            let trace = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", &injection];
            system.end(service).await.unwrap();
            system.replan(Plan::default().under(service, &trace));
            system.begin_again(service);
            system.ready_again(service).await;
            let callers = makers.make_until_refused(&format!("failure-{number}"), CALLERS);
            let told = refusals(callers, &mut acknowledged).await;
            open += told.len();
            for status in &told {
                assert_eq!(status.code(), Code::Unavailable, "{status:?}");
            }
            let unknown = told.iter().filter(|status| reason(status) == "OUTCOME_UNKNOWN").count();
            assert!(unknown >= 1, "the commit that failed was told so: {told:?}");
            eprintln!("{service}: {} acknowledged, {open} open", acknowledged.len());
            let (status, log) = system.ended(service).await;
            assert_eq!(status.code(), Some(1), "{status}:\n{log}");
            assert!(log.contains("the store failed and must be opened anew"), "{log}");
            assert!(log.contains(words), "the cause is named:\n{log}");
            assert!(system.readiness(service).await.is_err(), "nobody says ready");

            system.replan(Plan::default());
            system.start_again(service).await;
            makers.assert_kept(&acknowledged, open).await;
            let id = format!("after-{number}");
            let made = eventually("it takes writes again", || makers.make(&id)).await;
            acknowledged.insert(made.0, made.1);
        }
    }
}
