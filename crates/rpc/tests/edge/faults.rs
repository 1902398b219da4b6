//! What breaks inside, seen from outside.

use names::Reason;
use rpc::{Failure, Kind, server::Limits};
use tonic::Code;

use crate::served::{ROOT, Served, VIEWER, as_token, get, labels};

#[tokio::test]
async fn a_panic_answers_internal_and_is_counted_and_the_connection_lives() {
    let served = Served::start(Limits::default()).await;
    let status = served.get(ROOT, "panic").await.unwrap_err();
    let failure = Failure::from_status(&status);
    assert_eq!((failure.kind(), failure.reason()), (Kind::Internal, Reason::InternalPanic.word()));
    assert!(!failure.message().contains("met a defect"), "{failure}");
    assert!(status.metadata().get("x-request-id").is_some(), "{status:?}");
    assert_eq!(served.metric(&labels("rpc_panics_total", "GetTenant")).as_deref(), Some("1"));
    let internal = format!("{},code=\"INTERNAL\"", labels("rpc_answers_total", "GetTenant"));
    assert_eq!(served.metric(&internal).as_deref(), Some("1"));
    served.get(ROOT, "acme").await.unwrap();
}

#[tokio::test]
async fn a_panic_in_the_middle_of_a_stream_ends_it_with_internal() {
    let served = Served::start(Limits::default()).await;
    let mut stream = served.watch(VIEWER, "tenants/panic").await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    served.release.notify_one();
    let failure = Failure::from_status(&stream.message().await.unwrap_err());
    assert_eq!((failure.kind(), failure.reason()), (Kind::Internal, Reason::InternalPanic.word()));
    assert_eq!(served.metric(&labels("rpc_panics_total", "Watch")).as_deref(), Some("1"));
    assert_eq!(served.metric(&labels("rpc_open_streams", "Watch")).as_deref(), Some("0"));
}

#[tokio::test]
async fn every_answer_carries_the_request_id_that_came_or_a_new_one() {
    let served = Served::start(Limits::default()).await;
    let mut request = as_token(ROOT, get("acme"));
    request.metadata_mut().insert("x-request-id", "mine-1".parse().unwrap());
    let answer = served.get_request(request).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "mine-1");
    assert_eq!(answer.get_ref().display_name, "mine-1");
    let refused = served.get_request(get("acme")).await.unwrap_err();
    assert_eq!(refused.metadata().get("x-request-id").unwrap().len(), 16);
}

#[tokio::test]
async fn a_path_that_callers_invent_does_not_become_a_label() {
    let served = Served::start(Limits::default()).await;
    let status = served.call_bare("/causeway.registry.v1.Invented/Call", &[], &()).await;
    assert_eq!(status.code(), Code::Unimplemented);
    let unknown = "rpc_answers_total{service=\"unknown\",method=\"unknown\"";
    assert_eq!(served.metric(unknown).as_deref(), Some("1"));
}
