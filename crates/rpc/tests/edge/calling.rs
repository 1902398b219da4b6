//! The calling side: TLS, deadlines passed on, and errors a caller can act on.

use names::Reason;
use std::{sync::Arc, time::Duration};

use proto::registry::v1::registry_service_client::RegistryServiceClient;
use rpc::{
    Failure, Kind,
    client::{Channel, ClientConfig, connect},
    server::Limits,
};
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpSocket};

use crate::served::{Door, MAIN, ROOT, Served, as_token, get};

/// A server's certificate for `localhost` and the client that believes it.
fn tls() -> (Arc<rustls::ServerConfig>, Arc<rustls::ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = || Arc::new(rustls::crypto::ring::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec()];
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let mut client = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    (Arc::new(server), Arc::new(client))
}

fn channel(port: u16, tls: &Arc<rustls::ClientConfig>, deadline: Duration) -> Channel {
    let endpoint = format!("https://localhost:{port}");
    connect(&ClientConfig { deadline, ..ClientConfig::new(endpoint, tls.clone()) }).unwrap()
}

async fn ask(channel: Channel, id: &str) -> Result<proto::registry::v1::Tenant, Failure> {
    let answer = RegistryServiceClient::new(channel).get_tenant(as_token(ROOT, get(id))).await;
    answer.map(tonic::Response::into_inner).map_err(|status| Failure::from_status(&status))
}

#[tokio::test]
async fn a_call_made_for_a_call_takes_its_id_its_trace_and_what_is_left_of_its_time() {
    let (server_tls, client_tls) = tls();
    let behind = Door { tls: Some(server_tls), ..MAIN };
    let behind = Served::behind(behind, Limits::default()).await;
    let sibling = channel(behind.address.port(), &client_tls, Duration::from_secs(3600));
    let front = Served::behind(Door { sibling: Some(sibling), ..MAIN }, Limits::default()).await;

    let mut request = as_token(ROOT, get("relay-acme"));
    request.set_timeout(Duration::from_secs(7));
    request.metadata_mut().insert("x-request-id", "story-1".parse().unwrap());
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request.metadata_mut().insert("traceparent", trace.parse().unwrap());
    let answer = front.get_request(request).await.unwrap().into_inner();
    assert_eq!(answer.display_name, "story-1");
    assert_eq!(answer.description, "0af7651916cd43dd8448eb211c80319c");
    let left: u64 = answer.etag.parse().unwrap();
    assert!((1..=7000).contains(&left), "{left} ms were left");
}

#[tokio::test]
async fn a_sibling_that_does_not_answer_in_time_is_deadline_exceeded() {
    let (server_tls, client_tls) = tls();
    let door = Door { tls: Some(server_tls), ..MAIN };
    let served = Served::behind(door, Limits::default()).await;
    let slow = channel(served.address.port(), &client_tls, Duration::from_millis(80));
    let failure = ask(slow, "slow").await.unwrap_err();
    assert_eq!(failure.kind(), Kind::DeadlineExceeded);
    assert_eq!(failure.reason(), Reason::DeadlineExceeded);
}

#[tokio::test]
async fn a_sibling_that_is_not_there_is_unavailable_and_named_and_so_is_a_stranger() {
    let (server_tls, client_tls) = tls();
    // Bound and not listening: taken, and refusing.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = nobody.local_addr().unwrap().port();
    let gone = channel(port, &client_tls, Duration::from_secs(10));
    let failure = ask(gone, "acme").await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.reason()),
        (Kind::Unavailable, Reason::PeerUnreachable.word())
    );
    assert!(failure.message().contains(&port.to_string()), "{failure}");

    let stranger = Door { tls: Some(server_tls), ..MAIN };
    let stranger = Served::behind(stranger, Limits::default()).await;
    let (_, trusting_others) = tls();
    let wary = channel(stranger.address.port(), &trusting_others, Duration::from_secs(10));
    let failure = ask(wary, "acme").await.unwrap_err();
    assert_eq!(
        (failure.kind(), failure.reason()),
        (Kind::Unavailable, Reason::PeerUnreachable.word())
    );
    assert!(failure.message().contains("certificate"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_accepts_and_says_nothing_does_not_hold_a_call_for_ever() {
    let (_, client_tls) = tls();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let failure = ask(channel(port, &client_tls, Duration::from_secs(10)), "acme").await;
    let kind = failure.unwrap_err().kind();
    assert!(matches!(kind, Kind::Unavailable | Kind::DeadlineExceeded), "{kind:?}");
}

#[test]
fn an_endpoint_that_is_none_says_how_to_write_one() {
    let (_, client_tls) = tls();
    for wrong in ["localhost:7443", "http://localhost:7443", "https://localhost", ""] {
        let error = connect(&ClientConfig::new(wrong, client_tls.clone())).unwrap_err();
        assert!(error.to_string().contains("https://host:port"), "{error}");
    }
}
