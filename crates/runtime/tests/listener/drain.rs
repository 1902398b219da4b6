//! How a listener ends.

use std::time::Duration;

use http_body_util::BodyExt;
use tokio::{net::TcpStream, time::timeout};

use crate::fixture::{Options, get, whoami, world};

/// More than any end in these tests may take; far less than the limits of a connection.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_drain_takes_no_new_connections_and_lets_open_calls_finish() {
    let world = world(Options::default()).await;
    let mut client = world.connect(None).await.unwrap();
    let mut stream = get(&mut client, "/stream").await.unwrap().into_body();
    let first = stream.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "nobody");

    world.drain.stop.cancel();
    crate::fixture::eventually("the port is closed", || {
        std::net::TcpStream::connect(world.address).is_err()
    })
    .await;
    assert!(!world.served.is_finished(), "the open call keeps it");
    world.end_streams.send(()).unwrap();
    let last = stream.frame().await.unwrap().unwrap();
    assert_eq!(last.into_data().unwrap(), "bye");
    timeout(SOON, world.served).await.expect("it ends with its last call").unwrap();
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_a_drain() {
    let world = world(Options::default()).await;
    let mut idle = world.connect(None).await.unwrap();
    whoami(&mut idle).await.unwrap();
    let _half_open = TcpStream::connect(world.address).await.unwrap();
    world.drain.stop.cancel();
    timeout(SOON, world.served).await.expect("nothing is in flight").unwrap();
}

#[tokio::test]
async fn a_drain_ends_in_time_with_an_open_stream_that_nobody_ends() {
    let world = world(Options::default()).await;
    let mut client = world.connect(None).await.unwrap();
    let mut stream = get(&mut client, "/stream").await.unwrap().into_body();
    stream.frame().await.unwrap().unwrap();
    world.drain.stop.cancel();
    world.drain.abort.cancel();
    timeout(SOON, world.served).await.expect("it is cut").unwrap();
    assert!(stream.frame().await.is_none_or(|frame| frame.is_err()), "the peer learns of it");
    world.tasks.ended().await;
}

#[tokio::test]
async fn a_taken_port_is_refused_with_its_address() {
    let world = world(Options::default()).await;
    let error = runtime::listener::Listener::bind(world.address, rpc::peer::ListenerKind::Main)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&world.address.to_string()), "{error}");
    assert!(error.contains("free the port"), "{error}");
}
