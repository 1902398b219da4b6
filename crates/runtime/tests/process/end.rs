//! The end of a process.

use std::time::Duration;

use proto::registry::v1::{
    WatchRequest, WatchResponse, registry_service_client::RegistryServiceClient,
};
use runtime::process::Running;
use tokio::time::timeout;
use tonic::{Code, Streaming};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::toys::{Ground, Script, get, ground};

/// More than an end without waiting may take.
const SOON: Duration = Duration::from_secs(10);

async fn watch(ground: &Ground, running: &Running) -> Streaming<WatchResponse> {
    let channel = ground.channel(running, Some(ground.sibling())).await;
    let mut client = RegistryServiceClient::new(channel);
    let mut stream = client.watch(WatchRequest::default()).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    stream
}

#[tokio::test]
async fn an_end_goes_in_order_and_tells_open_streams_why() {
    let ground = ground();
    let script = Script::default();
    let running = ground.plan(&script).start().await.unwrap();
    let mut stream = watch(&ground, &running).await;
    let end = tokio::spawn(running.stop());
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "the server is ending; resume elsewhere");
    timeout(SOON, end).await.unwrap().unwrap().unwrap();
    assert_eq!(script.told()[1..], ["draining", "stream ended", "closed"]);
}

#[tokio::test]
async fn health_flips_before_the_port_closes() {
    let mut ground = ground();
    ground.settings.server.balancer_wait = Duration::from_secs(2);
    let running = ground.plan(&Script::default()).start().await.unwrap();
    let (main, admin) = (running.addresses().main, running.addresses().admin);
    let health = running.health().clone();
    let mut client = HealthClient::new(ground.channel(&running, None).await);
    let request = HealthCheckRequest { service: String::new() };
    let mut changes = client.watch(request).await.unwrap().into_inner();
    let first = changes.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let end = tokio::spawn(running.stop());
    let second = changes.message().await.unwrap().unwrap();
    assert_eq!(second.status(), ServingStatus::NotServing);
    assert_eq!(health.is_serving("registry"), Some(false));
    let (code, why) = get(admin, "/readyz").await;
    assert_eq!((code, why.as_str()), (503, "the process is draining\n"));
    tokio::net::TcpStream::connect(main).await.expect("the port is still open");
    assert!(changes.message().await.unwrap().is_none(), "the watch ends with the process");
    timeout(SOON, end).await.unwrap().unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(main).await.is_err());
    assert!(tokio::net::TcpStream::connect(admin).await.is_err());
}

#[tokio::test]
async fn a_stream_that_nobody_ends_is_cut_at_the_deadline_and_told() {
    let mut ground = ground();
    ground.settings.server.calls_deadline = Duration::from_millis(100);
    let script = Script { deaf: true, ..Script::default() };
    let running = ground.plan(&script).start().await.unwrap();
    let mut stream = watch(&ground, &running).await;
    let end = timeout(SOON, running.stop()).await.unwrap().unwrap_err();
    assert!(end.to_string().contains("still had calls at the deadline"), "{end}");
    assert!(script.told().contains(&"closed".to_owned()), "the store is closed all the same");
    stream.message().await.unwrap_err();
}

#[tokio::test]
async fn a_service_that_ends_by_itself_fails_the_process() {
    let ground = ground();
    let script = Script { dies: Some("the disk is gone"), ..Script::default() };
    let running = ground.plan(&script).start().await.unwrap();
    let reason = timeout(SOON, running.failed()).await.unwrap();
    assert_eq!(reason, "task `registry`: the disk is gone");
    assert_eq!(get(running.addresses().admin, "/livez").await, (503, reason + "\n"));
    let end = running.stop().await.unwrap_err();
    assert!(end.to_string().contains("the disk is gone"), "{end}");
}

#[tokio::test]
async fn a_service_that_does_not_close_is_named() {
    let mut ground = ground();
    ground.settings.server.close_deadline = Duration::from_millis(100);
    let script = Script { hangs: true, ..Script::default() };
    let running = ground.plan(&script).start().await.unwrap();
    let end = timeout(SOON, running.stop()).await.unwrap().unwrap_err();
    assert!(end.to_string().contains("registry did not close within"), "{end}");
}
