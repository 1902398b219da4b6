//! What becomes of a snapshot that may not be taken blindly.

use proto::{r#type::v1::RefusedSnapshot, updates::v1::AcceptSnapshotRequest};
use rpc::Failure;
use tonic::Code;

use crate::ground::{Client, VIEWER, get, ground, until};

async fn accept(
    client: &mut Client,
    source: &str,
    snapshot: &str,
    validate_only: bool,
) -> Result<RefusedSnapshot, (Code, String)> {
    let (source, snapshot) = (source.to_owned(), snapshot.to_owned());
    let answer = client
        .accept_snapshot(AcceptSnapshotRequest { source, snapshot, validate_only })
        .await
        .map_err(|status| (status.code(), Failure::from_status(&status).reason().to_owned()))?;
    Ok(answer.into_inner().snapshot.unwrap())
}

#[tokio::test]
async fn a_registry_made_anew_takes_no_group_from_the_copy_until_its_snapshot_is_accepted() {
    let ground = ground();
    ground.told.group("berlin", "Europe/Berlin");
    let serving = ground.start().await;
    assert_eq!(
        accept(&mut serving.admin(), "registry", "", true).await.unwrap_err(),
        (Code::FailedPrecondition, "NO_SNAPSHOT_REFUSED".to_owned())
    );
    serving.stop().await;

    ground.told.forget_everything();
    let serving = ground.start().await;
    until("the snapshot is refused", || async {
        serving.is_serving("updates/registry/snapshot") == Some(false)
    })
    .await;
    let mut admin = serving.admin();
    assert_eq!(get(&mut admin, "berlin").await.unwrap().effective_time_zone, "Europe/Berlin");
    assert_eq!(serving.is_serving("updates"), Some(true), "it goes on serving");

    let refused = accept(&mut admin, "registry", "", true).await.unwrap();
    assert_eq!((refused.source.as_str(), refused.epoch_changed), ("registry", true));
    let missing = &refused.missing[0];
    assert_eq!(
        (missing.kind.as_str(), missing.held_count, missing.missing_count),
        ("groups", 1, 1)
    );
    for (source, snapshot, problem) in [
        ("registry", "another", (Code::Aborted, "SNAPSHOT_CHANGED")),
        ("registry", "", (Code::InvalidArgument, "FIELDS_INVALID")),
        ("paths", refused.snapshot.as_str(), (Code::InvalidArgument, "FIELDS_INVALID")),
    ] {
        let problem = (problem.0, problem.1.to_owned());
        assert_eq!(accept(&mut admin, source, snapshot, false).await.unwrap_err(), problem);
    }
    let viewer = accept(&mut serving.client(VIEWER), "registry", &refused.snapshot, false).await;
    assert_eq!(viewer.unwrap_err().0, Code::PermissionDenied);
    assert!(get(&mut admin, "berlin").await.is_ok(), "nothing of this took it");

    assert_eq!(accept(&mut admin, "registry", &refused.snapshot, false).await.unwrap(), refused);
    assert_eq!(get(&mut admin, "berlin").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(serving.is_serving("updates/registry/snapshot"), Some(true));
    ground.told.group("bonn", "Europe/Berlin");
    until("it is followed again", || async { get(&mut serving.admin(), "bonn").await.is_ok() })
        .await;
    serving.stop().await;

    let again = ground.start().await;
    until("the new life is the known one", || async {
        again.is_serving("updates/registry") == Some(true)
    })
    .await;
    again.stop().await;
}
