use proto::registry::v1::*;
use rpc::Kind;

use crate::ground::{Registry, mask, refusal, segment_request};

fn switch(segment: &ApplicationSegment, enabled: bool) -> UpdateApplicationSegmentRequest {
    UpdateApplicationSegmentRequest {
        application_segment: Some(ApplicationSegment {
            name: segment.name.clone(),
            enabled: Some(enabled),
            ..Default::default()
        }),
        update_mask: mask(&["enabled"]),
        ..Default::default()
    }
}

#[tokio::test]
async fn the_same_name_and_port_in_two_enabled_segments_is_refused_with_the_other_named() {
    let mut registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut root = registry.root();
    let first = root.create_application_segment(segment_request("crm", "crm.example")).await;
    let first = first.unwrap().into_inner();
    // Also after a restart, when the index is made anew.
    registry.restart().await;
    let mut root = registry.root();
    let rival = segment_request("rival", "CRM.example.");
    let (kind, reason, failure) = refusal(root.create_application_segment(rival.clone()).await);
    assert_eq!((kind, reason.as_str()), (Kind::FailedPrecondition, "DOMAIN_CONFLICT"));
    assert_eq!(failure.metadata_map()["conflicting_segment"], first.name);
    root.update_application_segment(switch(&first, false)).await.unwrap();
    root.create_application_segment(rival).await.unwrap();
    let on = root.update_application_segment(switch(&first, true)).await;
    assert_eq!(refusal(on).1, "DOMAIN_CONFLICT", "enabling is checked too");
    registry.stop().await;
}

#[tokio::test]
async fn of_many_that_claim_one_name_at_once_exactly_one_gets_it() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let calls = (0..12).map(|number| {
        let mut root = registry.root();
        let request = segment_request(&format!("s{number}"), "crm.example");
        async move { root.create_application_segment(request).await }
    });
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for answer in answers.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(answer).1, "DOMAIN_CONFLICT");
    }
    registry.stop().await;
}

#[tokio::test]
async fn a_deleted_segment_frees_its_names_but_not_its_id() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut root = registry.root();
    let request = segment_request("crm", "crm.example");
    let made = root.create_application_segment(request.clone()).await.unwrap().into_inner();
    let delete = DeleteApplicationSegmentRequest { name: made.name.clone(), ..Default::default() };
    let gone = root.delete_application_segment(delete.clone()).await.unwrap().into_inner();
    assert!(gone.delete_time.is_some() && gone.purge_time.is_some());
    let again = root.delete_application_segment(delete).await.unwrap().into_inner();
    assert_eq!(again, gone, "deleting a deleted one changes nothing");
    let (_, reason, failure) = refusal(root.create_application_segment(request).await);
    assert_eq!(reason, "NAME_TAKEN");
    assert_eq!(failure.metadata_map()["state"], "DELETED");
    let mut other = segment_request("crm2", "crm.example");
    other.application_segment.as_mut().unwrap().display_name = made.display_name.clone();
    root.create_application_segment(other).await.unwrap();
    let (_, reason, _) = refusal(root.update_application_segment(switch(&made, false)).await);
    assert_eq!(reason, "DELETED");
    registry.stop().await;
}

#[tokio::test]
async fn two_thousand_domains_fit_one_segment() {
    let registry = Registry::start().await;
    registry.tenant("acme").await;
    let mut request = segment_request("wide", "first.example");
    let spec = request.application_segment.as_mut().unwrap();
    spec.domains = (0..2_000).map(|n| format!("host-{n}.corp.example")).collect();
    let made = registry.root().create_application_segment(request.clone()).await.unwrap();
    assert_eq!(made.into_inner().domains.len(), 2_000);
    let mut over = segment_request("over", "first.example");
    over.application_segment.as_mut().unwrap().domains =
        (0..2_001).map(|n| format!("h{n}.example")).collect();
    let (_, _, failure) = refusal(registry.root().create_application_segment(over).await);
    assert_eq!(failure.violations()[0].reason, "QUOTA_EXCEEDED");
    let mut long = segment_request("long", "first.example");
    long.application_segment.as_mut().unwrap().domains =
        (0..2_000).map(|n| format!("host-{n}.{}.example", "a".repeat(60))).collect();
    let (kind, reason, failure) = refusal(registry.root().create_application_segment(long).await);
    assert_eq!((kind, reason.as_str()), (Kind::ResourceExhausted, "RECORD_TOO_LARGE"));
    assert!(failure.message().contains("65536"), "{failure}");
    registry.stop().await;
}
