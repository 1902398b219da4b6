//! Whom a listener believes, and what it shows.

use std::time::Duration;

use names::TenantName;
use rpc::peer::ListenerKind;
use runtime::identity::{CertificateAuthority, SystemPki, pinned_client_tls};

use crate::fixture::{DAY, Options, connect, connector, domain, leaf, whoami, world};

const BERLIN: &str = "tenants/acme/appConnectors/berlin-1";

#[tokio::test]
async fn a_client_without_a_certificate_is_let_in_unnamed_and_one_with_it_by_name() {
    let world = world(Options::default()).await;
    assert_eq!(world.whoami(None).await.unwrap(), "nobody");
    let sibling = world.pki.identity("paths").unwrap();
    assert_eq!(world.whoami(Some(sibling)).await.unwrap(), "spiffe://test.example/services/paths");
    let acme = world.tenant("acme");
    let berlin = connector(&acme, BERLIN, world.clock.now());
    let name = world.whoami(Some(berlin)).await.unwrap();
    assert_eq!(name, format!("spiffe://test.example/{BERLIN}"));
}

#[tokio::test]
async fn a_leaf_of_a_foreign_authority_is_refused() {
    let world = world(Options::default()).await;
    world.tenant("acme");
    let foreign = CertificateAuthority::create("acme", world.clock.now(), 365 * DAY).unwrap();
    let spy = connector(&foreign, BERLIN, world.clock.now());
    world.whoami(Some(spy)).await.unwrap_err();
    world.metric(r#"connections_refused_total{listener="main",reason="tls"} 1"#).await;
}

#[tokio::test]
async fn a_leaf_that_names_another_tenant_than_its_authority_is_refused() {
    let world = world(Options::default()).await;
    let (acme, now) = (world.tenant("acme"), world.clock.now());
    world.tenant("umbrella");
    for stolen in [
        "spiffe://test.example/tenants/umbrella/appConnectors/berlin-1",
        "spiffe://test.example/tenants/unknown/appConnectors/berlin-1",
        "spiffe://test.example/services/registry",
        "spiffe://other.example/tenants/acme/appConnectors/berlin-1",
    ] {
        world.whoami(Some(leaf(&acme, stolen, now))).await.expect_err(stolen);
    }
    world.whoami(Some(connector(&acme, BERLIN, now))).await.unwrap();
}

#[tokio::test]
async fn the_system_authority_cannot_vouch_for_a_connector() {
    let world = world(Options::default()).await;
    world.tenant("acme");
    let system = world.pki.authority().unwrap();
    world.whoami(Some(connector(&system, BERLIN, world.clock.now()))).await.unwrap_err();
}

#[tokio::test]
async fn a_removed_authority_is_believed_no_more_by_the_next_handshake() {
    let world = world(Options::default()).await;
    let acme = world.tenant("acme");
    let berlin = connector(&acme, BERLIN, world.clock.now());
    world.whoami(Some(berlin.clone())).await.unwrap();
    let tenant: TenantName = "tenants/acme".parse().unwrap();
    world.trust.set_tenant(tenant, vec![]).unwrap();
    world.whoami(Some(berlin)).await.unwrap_err();
}

#[tokio::test]
async fn an_expired_leaf_is_refused_unless_the_grace_covers_it() {
    let strict = world(Options::default()).await;
    let berlin = connector(&strict.tenant("acme"), BERLIN, strict.clock.now());
    strict.hand.advance(8 * DAY);
    strict.whoami(Some(berlin)).await.unwrap_err();

    let lenient = world(Options { grace: 3 * DAY, ..Options::default() }).await;
    let berlin = connector(&lenient.tenant("acme"), BERLIN, lenient.clock.now());
    lenient.hand.advance(8 * DAY);
    lenient.whoami(Some(berlin.clone())).await.unwrap();
    lenient.hand.advance(3 * DAY);
    lenient.whoami(Some(berlin)).await.unwrap_err();
}

#[tokio::test]
async fn the_grace_is_not_for_services() {
    let world = world(Options { grace: 365 * DAY, ..Options::default() }).await;
    let sibling = world.pki.identity("paths").unwrap();
    world.hand.advance(91 * DAY);
    world.pki.renew(&[], world.clock.now()).unwrap();
    world.identity.reload().unwrap();
    // `sibling` still presents the old leaf, which ended a day ago.
    world.whoami(Some(sibling.clone())).await.unwrap_err();
    assert!(sibling.reload().unwrap());
    world.whoami(Some(sibling)).await.unwrap();
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_next_connection_and_open_ones_stay() {
    let world = world(Options::default()).await;
    let mut old = world.connect(None).await.unwrap();
    whoami(&mut old).await.unwrap();
    world.hand.advance(80 * DAY);
    assert_eq!(world.pki.renew(&[], world.clock.now()).unwrap().len(), 6);
    assert!(world.identity.reload().unwrap());
    assert!(!world.identity.reload().unwrap(), "nothing changed since");
    // The first leaf is over by now; only the new one can be believed.
    world.hand.advance(20 * DAY);
    world.whoami(None).await.unwrap();
    whoami(&mut old).await.unwrap();
}

#[tokio::test]
async fn a_half_replaced_pair_is_refused_and_the_old_one_stays() {
    let world = world(Options::default()).await;
    let before = world.identity.leaf();
    let other =
        SystemPki::init(&world.directory.path().join("other"), &domain(), &[], world.clock.now());
    other.unwrap();
    let from = world.directory.path().join("other/registry.pem");
    std::fs::copy(from, world.directory.path().join("pki/registry.pem")).unwrap();
    world.identity.reload().unwrap_err();
    assert_eq!(world.identity.leaf(), before);
    world.whoami(None).await.unwrap();
}

#[tokio::test]
async fn the_enrolment_listener_asks_for_no_certificate_and_believes_none() {
    let options = Options { kind: ListenerKind::Enrolment, ..Options::default() };
    let world = world(options).await;
    let sibling = world.pki.identity("paths").unwrap();
    assert_eq!(world.whoami(Some(sibling)).await.unwrap(), "nobody");
}

#[tokio::test]
async fn a_joining_connector_verifies_the_server_by_the_pin_of_its_root_alone() {
    let options = Options { kind: ListenerKind::Enrolment, ..Options::default() };
    let world = world(options).await;
    let pin = world.trust.system_root_pin().unwrap();
    assert_eq!(pin, world.pki.authority().unwrap().public_key().sha256());
    let good = pinned_client_tls(pin, &world.clock).unwrap();
    whoami(&mut connect(world.address, good).await.unwrap()).await.unwrap();
    let bad = pinned_client_tls([7; 32], &world.clock).unwrap();
    connect(world.address, bad).await.unwrap_err();
    // The right root does not help a server whose own leaf is over.
    world.hand.advance(Duration::from_secs(91 * 24 * 3600));
    let late = pinned_client_tls(pin, &world.clock).unwrap();
    connect(world.address, late).await.unwrap_err();
}

#[tokio::test]
async fn a_client_refuses_a_server_of_another_installation() {
    let here = world(Options::default()).await;
    let there = world(Options::default()).await;
    let error = connect(there.address, here.client_tls(None)).await.unwrap_err();
    assert!(format!("{error:#}").contains("invalid peer certificate"), "{error:#}");
}

#[tokio::test]
async fn no_session_is_resumed_since_that_would_skip_the_check_of_the_certificate() {
    use rustls::{HandshakeKind, client::Resumption, pki_types::ServerName};
    use tokio::net::TcpStream;

    let world = world(Options::default()).await;
    let berlin = connector(&world.tenant("acme"), BERLIN, world.clock.now());
    let mut config = (*world.client_tls(Some(berlin))).clone();
    config.resumption = Resumption::in_memory_sessions(8);
    let tls = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    for _ in 0..2 {
        let stream = TcpStream::connect(world.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = tls.connect(name, stream).await.unwrap();
        let kind = stream.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(HandshakeKind::Full));
        // One call, so that the client has read whatever the server sends after the handshake.
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let (mut client, driver) =
            hyper::client::conn::http2::handshake(executor, io).await.unwrap();
        tokio::spawn(driver);
        assert!(whoami(&mut client).await.unwrap().ends_with(BERLIN));
    }
}
