use std::time::Duration;

use proto::{
    registry::v1::{event::Resource, *},
    r#type::v1::{ChangeType, WatchPhase},
};
use rpc::Kind;
use tonic::Streaming;

use crate::ground::{ACME, Registry, fields, refusal, registration};

fn watch(types: &[ResourceType], token: &str) -> WatchRequest {
    WatchRequest {
        parent: ACME.to_owned(),
        types: types.iter().map(|&kind| kind.into()).collect(),
        resume_token: token.to_owned(),
        filter: String::new(),
        follower: String::new(),
    }
}

async fn next(stream: &mut Streaming<WatchResponse>) -> WatchResponse {
    let message = tokio::time::timeout(Duration::from_secs(30), stream.message()).await;
    message.expect("the watch says something").unwrap().expect("the watch goes on")
}

/// The next response that is no bookmark.
async fn news(stream: &mut Streaming<WatchResponse>) -> WatchResponse {
    loop {
        let response = next(stream).await;
        if response.phase() != WatchPhase::Bookmark {
            return response;
        }
    }
}

fn shown(response: &WatchResponse) -> Vec<(ChangeType, String)> {
    let name = |resource: &Resource| match resource {
        Resource::Tenant(tenant) => tenant.name.clone(),
        Resource::AppConnectorGroup(group) => group.name.clone(),
        Resource::AppConnector(connector) => connector.name.clone(),
        Resource::ServerGroup(group) => group.name.clone(),
        Resource::ApplicationSegment(segment) => segment.name.clone(),
        Resource::ClientNetwork(network) => network.name.clone(),
    };
    response.events.iter().map(|e| (e.r#type(), name(e.resource.as_ref().unwrap()))).collect()
}

#[tokio::test]
async fn a_watch_shows_what_is_there_then_each_commit_and_resumes_without_gap_or_repeat() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    registry.tenant("globex").await;
    let berlin = registry.group("berlin").await;
    let mut paths = registry.sibling("paths");
    let mut stream = paths.watch(watch(&[], "")).await.unwrap().into_inner();
    let mut snapshot = Vec::new();
    let token = loop {
        let response = next(&mut stream).await;
        match response.phase() {
            WatchPhase::Snapshot => {
                assert_eq!(response.resume_token, "", "nothing resumes inside a snapshot");
                snapshot.extend(shown(&response));
            }
            WatchPhase::SnapshotEnd => break response.resume_token,
            other => panic!("{other:?} in a snapshot"),
        }
    };
    let added = |name: &str| (ChangeType::Added, name.to_owned());
    assert_eq!(snapshot, [added(ACME), added(&berlin.name)], "globex is another tenant");

    registry.sibling("provisioning").register_app_connector(registration(1)).await.unwrap();
    let joined = news(&mut stream).await;
    assert_eq!(joined.phase(), WatchPhase::Changes);
    assert!(joined.end_of_commit);
    assert_eq!(shown(&joined), [added(&registration(1).name)]);
    drop(stream);

    let munich = registry.group("munich").await;
    let mut resumed = paths.watch(watch(&[], &joined.resume_token)).await.unwrap().into_inner();
    assert_eq!(shown(&news(&mut resumed).await), [added(&munich.name)]);
    let mut from_start = paths.watch(watch(&[], &token)).await.unwrap().into_inner();
    assert_eq!(shown(&news(&mut from_start).await), shown(&joined));
    registry.stop().await;
}

#[tokio::test]
async fn a_soft_delete_is_a_change_and_the_types_are_those_asked_for() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let group = registry.group("berlin").await;
    let mut viewer = registry.caller("acme-viewer");
    let groups = watch(&[ResourceType::AppConnectorGroup], "");
    let mut stream = viewer.watch(groups).await.unwrap().into_inner();
    assert_eq!(shown(&news(&mut stream).await), [(ChangeType::Added, group.name.clone())]);
    assert_eq!(news(&mut stream).await.phase(), WatchPhase::SnapshotEnd);
    let force = DeleteAppConnectorGroupRequest {
        name: group.name.clone(),
        force: true,
        ..Default::default()
    };
    registry.root().delete_app_connector_group(force).await.unwrap();
    let deleted = news(&mut stream).await;
    assert_eq!(shown(&deleted), [(ChangeType::Modified, group.name)]);
    let Some(Resource::AppConnectorGroup(last)) = deleted.events[0].resource.clone() else {
        panic!("{deleted:?}");
    };
    assert!(last.delete_time.is_some());
    registry.stop().await;
}

#[tokio::test]
async fn wrong_watches_are_refused_with_what_to_do() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut root = registry.root();
    let mut twice = watch(&[ResourceType::Tenant, ResourceType::Tenant], "");
    twice.types.push(i32::MAX);
    let (_, _, failure) = refusal(root.watch(twice).await);
    assert_eq!(fields(&failure), ["types[1]", "types[2]"]);
    let (kind, _, failure) = refusal(root.watch(watch(&[], "made up")).await);
    assert_eq!(kind, Kind::InvalidArgument);
    assert_eq!(fields(&failure), ["resume_token"]);

    let foreign = Registry::start().await;
    foreign.tenant("acme").await;
    let mut stream = foreign.root().watch(watch(&[], "")).await.unwrap().into_inner();
    let token = loop {
        let response = next(&mut stream).await;
        if response.phase() == WatchPhase::SnapshotEnd {
            break response.resume_token;
        }
    };
    let (kind, reason, _) = refusal(root.watch(watch(&[], &token)).await);
    assert_eq!((kind, reason.as_str()), (Kind::OutOfRange, "EPOCH_CHANGED"));
    registry.stop().await;
    foreign.stop().await;
}

#[tokio::test]
async fn a_watch_that_was_away_for_too_long_is_told_to_begin_again() {
    let registry = Registry::start_with(|config| {
        config.store.retention_commits = 1;
        config.store.upkeep_period = Duration::from_millis(20);
    })
    .await;
    registry.tenant("acme").await;
    let mut root = registry.root();
    let mut stream = root.watch(watch(&[], "")).await.unwrap().into_inner();
    let token = loop {
        let response = next(&mut stream).await;
        if response.phase() == WatchPhase::SnapshotEnd {
            break response.resume_token;
        }
    };
    for id in ["a", "b", "c"] {
        registry.group(id).await;
    }
    let mut period = tokio::time::interval(Duration::from_millis(20));
    let status = loop {
        period.tick().await;
        match root.watch(watch(&[], &token)).await {
            Err(status) => break status,
            Ok(stream) => {
                if let Err(status) = stream.into_inner().message().await {
                    break status;
                }
            }
        }
    };
    let failure = rpc::Failure::from_status(&status);
    assert_eq!((failure.kind(), failure.reason()), (Kind::OutOfRange, "REVISION_COMPACTED"));
    registry.stop().await;
}

#[tokio::test]
async fn a_watch_ends_with_a_reason_when_the_server_stops() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut stream = registry.root().watch(watch(&[], "")).await.unwrap().into_inner();
    next(&mut stream).await;
    let stop = tokio::spawn(registry.stop());
    let status = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the watch ended without a reason"),
            Err(status) => break status,
        }
    };
    assert_eq!(rpc::Failure::from_status(&status).reason(), "SHUTTING_DOWN");
    stop.await.unwrap();
}

#[tokio::test]
async fn a_backup_is_a_whole_file_that_verifies() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut parts = registry.root().backup(BackupRequest {}).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        bytes.extend_from_slice(&part.chunk);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let summary = store::verify(file.path()).await.unwrap();
    assert!(summary.rows > 0, "{summary:?}");
    registry.stop().await;
}
