//! More calls than there are seats.

use names::Reason;
use std::num::NonZeroUsize;

use rpc::{Failure, Kind, server::Limits};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::served::{ROOT, Served, VIEWER, labels};

#[tokio::test]
async fn calls_beyond_the_limit_are_shed_with_a_time_to_come_again() {
    let served = Served::start(Limits { calls: NonZeroUsize::MIN, streams: 1, turns: 1 }).await;
    let (held, refused) = tokio::join!(served.get(ROOT, "hold"), async {
        served.holding.notified().await;
        let refused = served.get(ROOT, "acme").await.unwrap_err();
        let probed = HealthClient::new(served.channel()).check(HealthCheckRequest::default()).await;
        probed.expect("probes are not shed");
        served.release.notify_one();
        refused
    });
    held.expect("who has a seat keeps it");
    let failure = Failure::from_status(&refused);
    assert_eq!(
        (failure.kind(), failure.reason()),
        (Kind::ResourceExhausted, Reason::Overloaded.word())
    );
    assert!(failure.retry_delay().is_some(), "{failure:?}");
    assert_eq!(served.metric(&labels("rpc_shed_total", "GetTenant")).as_deref(), Some("1"));
    served.get(ROOT, "acme").await.expect("the seat is free again");
}

#[tokio::test]
async fn streams_have_seats_of_their_own_and_give_them_back() {
    let served = Served::start(Limits { calls: NonZeroUsize::MIN, streams: 1, turns: 1 }).await;
    let mut first = served.watch(VIEWER, "tenants/acme").await.unwrap();
    assert!(first.message().await.unwrap().is_some());
    served.get(ROOT, "acme").await.expect("a stream takes no call's seat");
    let refused = served.watch(VIEWER, "tenants/acme").await.unwrap_err();
    assert_eq!(Failure::from_status(&refused).reason(), Reason::Overloaded);
    served.release.notify_one();
    while first.message().await.unwrap().is_some() {}
    served.watch(VIEWER, "tenants/acme").await.expect("the seat is free again");
}

#[tokio::test]
async fn a_stream_that_its_caller_drops_gives_its_seat_back() {
    let served = Served::start(Limits { calls: NonZeroUsize::MIN, streams: 1, turns: 1 }).await;
    let mut first = served.watch(VIEWER, "tenants/acme").await.unwrap();
    assert!(first.message().await.unwrap().is_some());
    drop(first);
    let cancelled = format!("{},code=\"CANCELLED\"", labels("rpc_answers_total", "Watch"));
    while served.metric(&cancelled).is_none() {
        tokio::task::yield_now().await;
    }
    served.watch(VIEWER, "tenants/acme").await.expect("the seat is free again");
}
