//! What a listener endures.

use std::time::Duration;

use runtime::listener::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::fixture::{Options, connect, eventually, get, whoami, world};

fn limits(change: impl FnOnce(&mut Limits)) -> Options {
    let mut options = Options::default();
    change(&mut options.limits);
    options
}

/// Reads until the other end closes; what came before.
async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end too.
    stream.read_to_end(&mut bytes).await.ok();
    bytes
}

#[tokio::test]
async fn plaintext_on_the_tls_port_is_closed() {
    let world = world(Options::default()).await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    world.metric(r#"connections_refused_total{listener="main",reason="tls"} 1"#).await;
}

#[tokio::test]
async fn half_open_handshakes_are_bounded_in_time() {
    let options = limits(|limits| limits.handshake_timeout = Duration::from_millis(100));
    let world = world(options).await;
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    assert_eq!(read_to_end(&mut silent).await, b"");
    world.metric(r#"connections_refused_total{listener="main",reason="timeout"} 1"#).await;
    world.metric(r#"connections_open{listener="main"} 0"#).await;
}

#[tokio::test]
async fn half_open_handshakes_are_bounded_in_number_and_honest_clients_wait_their_turn() {
    let options = limits(|limits| {
        limits.handshakes = 4;
        limits.handshake_timeout = Duration::from_secs(1);
    });
    let world = world(options).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    // Two rounds of four silent ones stand before it; each round takes one timeout.
    world.whoami(None).await.unwrap();
    world.metric(r#"connections_refused_total{listener="main",reason="timeout"} 8"#).await;
}

#[tokio::test]
async fn a_connection_above_the_cap_is_closed_at_once() {
    let world = world(limits(|limits| limits.connections = 2)).await;
    let mut first = world.connect(None).await.unwrap();
    let mut second = world.connect(None).await.unwrap();
    whoami(&mut first).await.unwrap();
    whoami(&mut second).await.unwrap();
    world.connect(None).await.unwrap_err();
    world.metric(r#"connections_refused_total{listener="main",reason="cap"} 1"#).await;
    drop(first);
    world.metric(r#"connections_open{listener="main"} 1"#).await;
    world.whoami(None).await.unwrap();
}

#[tokio::test]
async fn a_peer_that_shakes_hands_and_says_nothing_is_closed() {
    let options = limits(|limits| limits.first_bytes_timeout = Duration::from_millis(100));
    let world = world(options).await;
    let stream = TcpStream::connect(world.address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(world.client_tls(None));
    let mut silent = connector.connect(name, stream).await.unwrap();
    let mut bytes = Vec::new();
    silent.read_to_end(&mut bytes).await.ok();
    world.metric(r#"connections_refused_total{listener="main",reason="silent"} 1"#).await;
}

#[tokio::test]
async fn one_connection_has_only_so_many_calls_at_a_time() {
    let world = world(limits(|limits| limits.streams_per_connection = 2)).await;
    let mut client = world.connect(None).await.unwrap();
    // Lets the client learn the server's settings.
    whoami(&mut client).await.unwrap();
    let first = get(&mut client, "/stream").await.unwrap();
    let _second = get(&mut client, "/stream").await.unwrap();
    let third = tokio::spawn({
        let mut client = client.clone();
        async move { whoami(&mut client).await }
    });
    let other = world.whoami(None).await.unwrap();
    assert_eq!(other, "nobody", "other connections are not held up");
    assert!(!third.is_finished());
    drop(first);
    assert_eq!(third.await.unwrap().unwrap(), "nobody");
}

#[tokio::test]
async fn an_old_connection_is_asked_to_end_and_its_client_comes_again() {
    let options = limits(|limits| limits.connection_age = Duration::from_secs(1));
    let world = world(options).await;
    let mut client = world.connect(None).await.unwrap();
    whoami(&mut client).await.unwrap();
    eventually("the old connection is closed", || client.is_closed()).await;
    world.whoami(None).await.unwrap();
}

#[tokio::test]
async fn http_1_is_spoken_where_it_is_offered() {
    let world = world(Options::default()).await;
    let mut config = (*world.client_tls(None)).clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(world.address).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let mut stream = connector.connect(name, stream).await.unwrap();
    let request = b"GET /whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("nobody"), "{answer}");
}

#[tokio::test]
async fn a_client_that_speaks_no_http_2_is_refused_where_only_that_is_offered() {
    let options = Options { kind: rpc::peer::ListenerKind::Enrolment, ..Options::default() };
    let world = world(options).await;
    let mut config = (*world.client_tls(None)).clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    connect(world.address, std::sync::Arc::new(config)).await.unwrap_err();
}
