//! Watch: a snapshot, then changes by commit.

use proto::{
    provisioning::v1::{
        Event, ProvisioningKey, ResourceType, UpdateProvisioningKeyRequest, WatchRequest,
        WatchResponse, event::Resource,
    },
    r#type::v1::{ChangeType, WatchPhase},
};
use tonic::Streaming;

use crate::{
    ground::{Ground, TENANT, failure, key_of},
    newcomer::Newcomer,
};

async fn open(ground: &Ground, kind: ResourceType, resume_token: &str) -> Streaming<WatchResponse> {
    let request = WatchRequest {
        parent: TENANT.into(),
        types: vec![kind.into()],
        resume_token: resume_token.into(),
        filter: String::new(),
    };
    ground.api().watch(request).await.unwrap().into_inner()
}

/// The next response that is no bookmark.
async fn next(stream: &mut Streaming<WatchResponse>) -> WatchResponse {
    loop {
        let response = stream.message().await.unwrap().unwrap();
        if response.phase() != WatchPhase::Bookmark {
            return response;
        }
    }
}

fn key(event: &Event) -> (ChangeType, &ProvisioningKey) {
    let Some(Resource::ProvisioningKey(key)) = &event.resource else { panic!("{event:?}") };
    (event.r#type(), key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_use_is_a_change_of_its_key_that_leaves_the_etag() {
    let ground = Ground::start().await;
    let (made, secret) = ground.key(key_of("Berlin", 3)).await;
    let mut stream = open(&ground, ResourceType::ProvisioningKey, "").await;
    let snapshot = next(&mut stream).await;
    assert_eq!(snapshot.phase(), WatchPhase::Snapshot);
    let (change, key_before) = key(&snapshot.events[0]);
    assert_eq!((change, key_before.use_count), (ChangeType::Added, 0));
    let end = next(&mut stream).await;
    assert_eq!(end.phase(), WatchPhase::SnapshotEnd);

    Newcomer::new().enrol(&ground, &secret).await.unwrap();
    let used = next(&mut stream).await;
    assert!(used.end_of_commit);
    let (change, key_used) = key(&used.events[0]);
    assert_eq!((change, key_used.use_count), (ChangeType::Modified, 1));
    assert_eq!(key_used.etag, made.etag);
    assert!(key_used.issued_secret.is_none());

    let off = ProvisioningKey { name: made.name, enabled: Some(false), ..Default::default() };
    let request =
        UpdateProvisioningKeyRequest { provisioning_key: Some(off), ..Default::default() };
    ground.api().update_provisioning_key(request).await.unwrap();
    let mut resumed = open(&ground, ResourceType::ProvisioningKey, &used.resume_token).await;
    let response = next(&mut resumed).await;
    assert_eq!(response.phase(), WatchPhase::Changes);
    assert_eq!(key(&response.events[0]).1.enabled, Some(false));
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trust_bundles_and_revocations_reach_who_watches_them() {
    let ground = Ground::start().await;
    let (_, secret) = ground.key(key_of("Berlin", 3)).await;
    let mut bundles = open(&ground, ResourceType::CertificateAuthority, "").await;
    let mut revocations = open(&ground, ResourceType::Revocation, "").await;
    assert_eq!(next(&mut bundles).await.phase(), WatchPhase::SnapshotEnd);
    assert_eq!(next(&mut revocations).await.phase(), WatchPhase::SnapshotEnd);
    let joined = Newcomer::new().enrol(&ground, &secret).await.unwrap();
    let response = next(&mut bundles).await;
    let Some(Resource::CertificateAuthority(authority)) = &response.events[0].resource else {
        panic!("{response:?}")
    };
    assert_eq!(authority.certificates[0].der, joined.certificates.unwrap().tenant_bundle[0]);
    ground.registry.delete_connector(&joined.app_connector);
    let response = next(&mut revocations).await;
    let Some(Resource::Revocation(revocation)) = &response.events[0].resource else {
        panic!("{response:?}")
    };
    assert_eq!(revocation.app_connector, joined.app_connector);
    assert_eq!(revocation.reason, "APP_CONNECTOR_DELETED");
    assert!(!revocation.certificate_serial.is_empty());
    ground.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_another_store_says_what_to_do_and_the_end_is_told() {
    let ground = Ground::start().await;
    let request = |token: &str| WatchRequest {
        parent: TENANT.into(),
        resume_token: token.into(),
        ..WatchRequest::default()
    };
    let foreign = store::Etag::new(store::Epoch::random(), store::Revision::new(1)).to_string();
    let refused = failure(ground.api().watch(request(&foreign)).await.unwrap_err());
    assert_eq!(refused.reason(), "EPOCH_CHANGED");
    assert!(refused.message().contains("without it"));
    let refused = failure(ground.api().watch(request("nonsense")).await.unwrap_err());
    assert_eq!(refused.violations()[0].field, "resume_token");
    let mut stream = ground.api().watch(request("")).await.unwrap().into_inner();
    assert_eq!(next(&mut stream).await.phase(), WatchPhase::SnapshotEnd);
    let ended = tokio::spawn(async move {
        loop {
            if let Err(status) = stream.message().await {
                return failure(status);
            }
        }
    });
    ground.stop().await;
    assert_eq!(ended.await.unwrap().reason(), "SHUTTING_DOWN");
}
