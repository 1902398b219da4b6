use proto::{registry::v1::*, r#type::v1::WatchPhase};
use rpc::Kind;
use tonic::Streaming;

use crate::ground::{ACME, Client, Registry, fields, refusal};

const FOLLOWER: &str = "00000000-0000-4000-8000-000000000001";

fn following(parent: &str, types: &[ResourceType], follower: &str) -> WatchRequest {
    WatchRequest {
        parent: parent.to_owned(),
        types: types.iter().map(|&kind| kind.into()).collect(),
        resume_token: String::new(),
        filter: String::new(),
        follower: follower.to_owned(),
    }
}

/// The token of the next response in this phase.
async fn until(stream: &mut Streaming<WatchResponse>, phase: WatchPhase) -> String {
    loop {
        let response = stream.message().await.unwrap().expect("the watch goes on");
        if response.phase() == phase {
            return response.resume_token;
        }
    }
}

async fn confirm(paths: &mut Client, resume_token: String) {
    let request = ConfirmWatchRequest { follower: FOLLOWER.to_owned(), resume_token };
    paths.confirm_watch(request).await.unwrap();
}

fn disable(group: &AppConnectorGroup) -> UpdateAppConnectorGroupRequest {
    let name = group.name.clone();
    UpdateAppConnectorGroupRequest {
        app_connector_group: Some(AppConnectorGroup {
            name,
            enabled: Some(false),
            ..AppConnectorGroup::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["enabled".to_owned()] }),
        ..UpdateAppConnectorGroupRequest::default()
    }
}

#[tokio::test]
async fn a_withdrawal_is_answered_when_its_follower_has_confirmed_it_and_not_before() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let (first, second) = (registry.group("berlin").await, registry.group("munich").await);
    let mut paths = registry.sibling("paths");
    let watch = following("tenants/-", &[], FOLLOWER);
    let mut stream = paths.watch(watch).await.unwrap().into_inner();
    let caught_up = until(&mut stream, WatchPhase::SnapshotEnd).await;
    confirm(&mut paths, caught_up).await;

    let mut root = registry.root();
    let write = tokio::spawn(async move { root.update_app_connector_group(disable(&first)).await });
    let told = until(&mut stream, WatchPhase::Changes).await;
    // The event that releases it has only now arrived here, and the write may wait for a second.
    assert!(!write.is_finished(), "it is answered before the follower has applied it");
    confirm(&mut paths, told).await;
    assert_eq!(write.await.unwrap().unwrap().into_inner().enabled, Some(false));

    // A follower that says nothing delays a withdrawal and does not stop it; one that is gone does neither.
    let mut root = registry.root();
    assert_eq!(
        root.update_app_connector_group(disable(&second)).await.unwrap().into_inner().enabled,
        Some(false)
    );
    drop(stream);
    registry.stop().await;
}

#[tokio::test]
async fn a_follower_that_promises_less_than_everything_is_refused() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut paths = registry.sibling("paths");
    let group = [ResourceType::AppConnectorGroup];
    for request in [
        following("tenants/-", &[], "paths-0"),
        following("tenants/-", &group, FOLLOWER),
        following(ACME, &[], FOLLOWER),
    ] {
        let (kind, _, failure) = refusal(paths.watch(request).await);
        assert_eq!((kind, fields(&failure)), (Kind::InvalidArgument, vec!["follower".to_owned()]));
    }
    let (_, _, failure) = refusal(paths.confirm_watch(ConfirmWatchRequest::default()).await);
    assert_eq!(fields(&failure), ["follower", "resume_token"]);
    let foreign = Registry::start().await;
    let watch = following("tenants/-", &[], FOLLOWER);
    let mut stream = foreign.sibling("paths").watch(watch).await.unwrap().into_inner();
    let resume_token = until(&mut stream, WatchPhase::SnapshotEnd).await;
    let request = ConfirmWatchRequest { follower: FOLLOWER.to_owned(), resume_token };
    let (kind, reason, _) = refusal(paths.confirm_watch(request).await);
    assert_eq!((kind, reason.as_str()), (Kind::OutOfRange, "EPOCH_CHANGED"));
    registry.stop().await;
    foreign.stop().await;
}
