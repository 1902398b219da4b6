//! Who is let in, and who no longer.

use std::sync::Arc;

use names::{AppConnectorName, Reason, SpiffeId, TrustDomain};
use rpc::{
    Failure, Kind,
    peer::{ListenerKind, PeerIdentity},
    server::Limits,
    tokens::TokenFile,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::served::{Door, MAIN, ROOT, Served, VIEWER, as_token, get};

async fn main_listener() -> Served {
    Served::start(Limits::default()).await
}

fn reason(status: &tonic::Status) -> (Kind, String) {
    let failure = Failure::from_status(status);
    (failure.kind(), failure.reason().to_owned())
}

fn connector() -> AppConnectorName {
    "tenants/acme/appConnectors/c-1".parse().unwrap()
}

fn door_of(spiffe: SpiffeId) -> Door {
    let identity = PeerIdentity {
        spiffe,
        serial: vec![1, 2, 3],
        not_after: "2026-11-30T00:00:00Z".parse().unwrap(),
        public_key_sha256: [9; 32],
    };
    Door { identity: Some(Arc::new(identity)), ..MAIN }
}

#[tokio::test]
async fn a_foreign_tenant_is_not_found_in_the_shape_of_a_missing_one() {
    let served = main_listener().await;
    let foreign = served.get(VIEWER, "missing").await.unwrap_err();
    let missing = served.get(ROOT, "missing").await.unwrap_err();
    assert_eq!(reason(&foreign), (Kind::NotFound, Reason::ResourceNotFound.word().to_owned()));
    assert_eq!(foreign.message(), missing.message());
    assert_eq!(foreign.details(), missing.details());
}

#[tokio::test]
async fn credentials_are_asked_for_and_checked() {
    let served = main_listener().await;
    let none = served.get_request(get("acme")).await.unwrap_err();
    assert_eq!(
        reason(&none),
        (Kind::Unauthenticated, Reason::CredentialsMissing.word().to_owned())
    );
    let wrong = served.get("cwt_wrong", "acme").await.unwrap_err();
    assert_eq!(reason(&wrong), (Kind::Unauthenticated, Reason::TokenUnknown.word().to_owned()));
    served.get(VIEWER, "acme").await.unwrap();
    let health = HealthClient::new(served.channel()).check(HealthCheckRequest::default()).await;
    health.expect("health needs no credentials");
}

#[tokio::test]
async fn a_role_that_the_method_does_not_list_is_denied_at_the_door() {
    let served = main_listener().await;
    let mut client =
        proto::registry::v1::registry_service_client::RegistryServiceClient::new(served.channel());
    let request = tonic::Request::new(proto::registry::v1::CreateTenantRequest::default());
    let denied = client.create_tenant(as_token(VIEWER, request)).await.unwrap_err();
    assert_eq!(reason(&denied), (Kind::PermissionDenied, Reason::AccessDenied.word().to_owned()));
    assert!(denied.message().contains("SYSTEM_ADMIN"), "{denied:?}");
}

#[tokio::test]
async fn a_planned_method_says_that_it_is_planned() {
    let served = main_listener().await;
    let mut client =
        proto::registry::v1::registry_service_client::RegistryServiceClient::new(served.channel());
    let request = tonic::Request::new(proto::registry::v1::MoveAppConnectorRequest::default());
    let planned = client.move_app_connector(as_token(ROOT, request)).await.unwrap_err();
    assert_eq!(reason(&planned), (Kind::Unimplemented, Reason::MethodPlanned.word().to_owned()));
    let unknown =
        served.call_bare("/causeway.registry.v1.RegistryService/Invented", &[], &()).await;
    assert_eq!(reason(&unknown), (Kind::Unimplemented, Reason::MethodUnknown.word().to_owned()));
}

#[tokio::test]
async fn a_revoked_peer_loses_its_open_connection_and_its_streams() {
    let domain = TrustDomain::parse("causeway.test").unwrap();
    let service = SpiffeId::service(domain, names::Id::parse("paths").unwrap());
    let served = Served::behind(door_of(service), Limits::default()).await;
    let mut client =
        proto::registry::v1::registry_service_client::RegistryServiceClient::new(served.channel());
    client.get_tenant(get("acme")).await.expect("a sibling reads every tenant");
    let watch =
        proto::registry::v1::WatchRequest { parent: "tenants/-".to_owned(), ..Default::default() };
    let mut stream = client.watch(watch).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());

    served.denied.voice("provisioning").deny_serial(&[0, 1, 2, 3]);
    let refused = client.get_tenant(get("acme")).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Kind::Unauthenticated, Reason::IdentityRevoked.word().to_owned())
    );
    served.release.notify_one();
    let ended = stream.message().await.unwrap_err();
    assert_eq!(reason(&ended), (Kind::Unauthenticated, Reason::IdentityRevoked.word().to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_of_a_caller_who_is_no_longer_valid_ends_by_itself() {
    let served = main_listener().await;
    let mut stream = served.watch(VIEWER, "tenants/acme").await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    served.tokens.replace(&TokenFile::default()).unwrap();
    let ended = stream.message().await.unwrap_err();
    assert_eq!(reason(&ended), (Kind::Unauthenticated, Reason::TokenUnknown.word().to_owned()));
}

#[tokio::test]
async fn a_connector_may_call_only_what_is_for_connectors() {
    let domain = TrustDomain::parse("causeway.test").unwrap();
    let door = door_of(SpiffeId::app_connector(domain, connector()));
    let served = Served::behind(door, Limits::default()).await;
    let denied = served.get_request(get("acme")).await.unwrap_err();
    assert_eq!(reason(&denied), (Kind::PermissionDenied, Reason::AccessDenied.word().to_owned()));
    served.denied.voice("registry").deny_name(connector());
    let refused = served.get_request(get("acme")).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Kind::Unauthenticated, Reason::IdentityRevoked.word().to_owned())
    );
}

#[tokio::test]
async fn the_enrolment_listener_serves_public_methods_only() {
    let door = Door { listener: ListenerKind::Enrolment, ..MAIN };
    let served = Served::behind(door, Limits::default()).await;
    let refused = served.get(ROOT, "acme").await.unwrap_err();
    assert_eq!(reason(&refused), (Kind::PermissionDenied, Reason::WrongListener.word().to_owned()));
}

#[tokio::test]
async fn a_token_taken_from_the_file_is_refused_on_the_next_call() {
    let served = main_listener().await;
    served.get(VIEWER, "acme").await.unwrap();
    served.tokens.replace(&TokenFile::default()).unwrap();
    let refused = served.get(VIEWER, "acme").await.unwrap_err();
    assert_eq!(reason(&refused), (Kind::Unauthenticated, Reason::TokenUnknown.word().to_owned()));
}
