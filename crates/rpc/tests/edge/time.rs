//! Deadlines.

use names::Reason;
use std::time::Duration;

use rpc::{Failure, Kind, server::Limits};
use tonic::Code;

use crate::served::{ROOT, Served, VIEWER, as_token, get, labels};

#[tokio::test]
async fn a_call_whose_time_is_over_answers_deadline_exceeded_and_not_cancelled() {
    let served = Served::start(Limits::default()).await;
    let bearer = format!("Bearer {ROOT}");
    let headers = [("grpc-timeout", "50m"), ("authorization", bearer.as_str())];
    let path = "/causeway.registry.v1.RegistryService/GetTenant";
    let status = served.call_bare(path, &headers, get("slow").get_ref()).await;
    assert_eq!(status.code() as i32, 4);
    let failure = Failure::from_status(&status);
    assert_eq!(
        (failure.kind(), failure.reason()),
        (Kind::DeadlineExceeded, Reason::DeadlineExceeded.word())
    );
    let counted =
        format!("{},code=\"DEADLINE_EXCEEDED\"", labels("rpc_answers_total", "GetTenant"));
    assert_eq!(served.metric(&counted).as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn a_unary_call_without_a_deadline_gets_one_and_a_stream_does_not() {
    let served = Served::start(Limits::default()).await;
    let mut stream = served.watch(VIEWER, "tenants/acme").await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    // Time is paused: it leaps whenever everything waits.
    let status = served.get(ROOT, "slow").await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    tokio::time::advance(Duration::from_secs(3600)).await;
    served.release.notify_one();
    assert!(stream.message().await.unwrap().is_some(), "the stream outlived the limit of calls");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_asks_for_a_deadline_ends_with_it() {
    let served = Served::start(Limits::default()).await;
    let request = proto::registry::v1::WatchRequest {
        parent: "tenants/acme".to_owned(),
        ..Default::default()
    };
    let mut request = as_token(VIEWER, tonic::Request::new(request));
    request.metadata_mut().insert("grpc-timeout", "2S".parse().unwrap());
    let mut client =
        proto::registry::v1::registry_service_client::RegistryServiceClient::new(served.channel());
    let mut stream = client.watch(request).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let failure = Failure::from_status(&stream.message().await.unwrap_err());
    assert_eq!(failure.kind(), Kind::DeadlineExceeded);
}
